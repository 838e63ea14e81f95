"""Names of fillers: as arguments, and in tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from os.path import abspath
from pathlib import Path
from typing import Any

from inlay.errors import InlayError
from inlay.fillers.classical import CLASSICAL

FillerConfig = str | Path | Mapping[str, Any]
"""What :func:`~inlay.fillers.load_filler` takes."""

_MODEL = "model:"
_EVERYWHERE = "checkpoints"  # the folder that every run keeps its checkpoints in says nothing of it


def checkpoint_of(name: str | Path) -> Path | None:
    """The file that a filler (named as :func:`~inlay.fillers.load_filler` takes it) comes from; None for classical."""
    return None if name in CLASSICAL else Path(str(name).removeprefix(_MODEL))


def short_name(filler: FillerConfig) -> str:
    """The name of a filler in a table.

    ``telea``; ``demo/best`` for ``model:outputs/demo/checkpoints/best.ckpt``; ``Telea(radius=5)`` for a mapping.
    """
    return _names(filler)[0]


def short_names(fillers: Sequence[FillerConfig]) -> list[str]:
    """Names for the rows of a table, in the order of the fillers; equal ones get further folders in front.

    Raises:
        InlayError: two of them are the same filler.
    """
    choices = [_names(filler) for filler in fillers]
    longest = [names[-1] for names in choices]
    for position, name in enumerate(longest):
        if (first := longest.index(name)) < position:
            raise InlayError(
                f"filler: {fillers[first]} and {fillers[position]} are the same filler. Leave one of them out."
            )
    while True:
        counts = Counter(names[0] for names in choices)
        if max(counts.values(), default=1) == 1:
            return [names[0] for names in choices]
        choices = [names[1:] if counts[names[0]] > 1 and len(names) > 1 else names for names in choices]


def _names(filler: FillerConfig) -> list[str]:
    """From the shortest to the whole path, which no other file has."""
    if isinstance(filler, Mapping):
        settings = ", ".join(f"{key}={value}" for key, value in filler.items() if key != "_target_")
        return [f"{str(filler.get('_target_')).rpartition('.')[2]}({settings})"]
    path = checkpoint_of(filler)
    if path is None:
        return [str(filler)]
    whole = Path(abspath(path))  # noqa: PTH100 -- a link such as best.ckpt keeps its name
    folders = [*(part for part in whole.parent.parts[1:] if part != _EVERYWHERE), whole.stem]
    given = sum(part not in (_EVERYWHERE, "..", whole.root) for part in path.parts)  # the rest is not to be seen
    return ["/".join(folders[-count:]) for count in range(min(given, 2), len(folders) + 1)] + [str(whole)]
