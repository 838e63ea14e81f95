"""The model card of imported weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from inlay.checkpoints.files import digest
from inlay.printing import code

UNKNOWN = "the file does not say on which pictures, and holds no measurements."
MEASURE = "Measure it on your own pictures with `inlay evaluate fillers=model:FOLDER`."
FOR_YOU = "Whether it covers the weights, and what the terms of the training pictures ask for, is for you to check."


def card(title: str, tags: Sequence[str], sources: Sequence[Path], origin: str, points: Mapping[str, str]) -> str:
    """A card in Markdown.

    Args:
        title: its headline.
        tags: for the hub, beside ``inpainting``.
        sources: the files that the weights come from.
        origin: who published them, the end of a sentence.
        points: what is to be said, by the word that each begins with.
    """
    files = ", ".join(f"{code(path.name)} ({digest(path)})" for path in sources)
    points = {name: _wrapped(f"- **{name}** {text}", "  ") for name, text in points.items()}
    return f"""---
library_name: inlay
pipeline_tag: image-to-image
tags: [{", ".join(("inpainting", *tags))}]
---

# {title}

{_wrapped(f"Imported from {files}, {origin}")}

{chr(10).join(points.values())}
"""


def _wrapped(text: str, indent: str = "") -> str:
    return fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
