"""Freezing: a family drawn once into PNG files with a manifest, so that others can use the very same holes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import numpy as np

from inlay.errors import InlayError
from inlay.images import Picture, write_picture
from inlay.randomness import Stream, generator
from inlay.types import MaskFamily

MANIFEST = "manifest.jsonl"


class Row(TypedDict):
    """One line of the manifest."""

    file: str
    ratio: float
    family: str
    seed: int


def freeze(family: MaskFamily, name: str, count: int, size: int, seed: int, out: Path) -> Iterator[Row]:
    """Write ``count`` square masks and, when all are there, the manifest.

    Mask ``i`` depends on ``(seed, i)`` alone: a longer set begins with the shorter one.

    Args:
        family: draws the masks.
        name: what the manifest calls the family.
        count: how many.
        size: height and width in pixels.
        seed: of the set.
        out: the folder; made if missing, refused if it holds a manifest already.

    Yields:
        The manifest's row of each mask as soon as its file is written.

    Raises:
        InlayError: the folder holds a set, or cannot be written.
    """
    manifest = out / MANIFEST
    if manifest.exists():
        raise InlayError(f"{out}: holds a mask set already. Choose another --out, or remove the folder first.")
    rows: list[Row] = []
    for index in range(count):
        mask = family(size, size, generator(seed, Stream.GENERATE, index=index))
        file = f"{index:06d}.png"
        write_picture(out / file, Picture(mask[..., None].astype(np.uint8) * 255))
        rows.append(Row(file=file, ratio=round(float(mask.mean()), 6), family=name, seed=seed))
        yield rows[-1]
    temporary = manifest.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    temporary.replace(manifest)
