"""Sets of masks: drawn once into PNG files with a manifest, so that others can use the very same holes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from inlay.buckets import BUCKETS
from inlay.errors import InlayError, unwritable
from inlay.files import write_text
from inlay.images import Picture, write_picture
from inlay.masks.painted import PaintedMask
from inlay.masks.ranges import Spread
from inlay.randomness import RngStream, generator
from inlay.types import MaskGenerator

MANIFEST = "manifest.jsonl"
BORDERS = {"free": 0.0, "border": 50 / 512}
"""Without and with the border constraint: no hole within 50 of 512 pixels of an edge (Liu et al. 2018)."""


class Row(TypedDict):
    """One line of the manifest."""

    file: str
    ratio: float
    family: str
    seed: int
    id: NotRequired[str]
    """Of the picture that the mask is for."""


class Drawn(NamedTuple):
    """A mask with its place in a set."""

    name: str
    """Its file, without suffix."""
    mask: NDArray[np.bool_]
    id: str | None = None


def draw_set(masks: MaskGenerator, count: int, size: int, seed: int) -> Iterator[Drawn]:
    """Draw a numbered set of square masks.

    Mask ``i`` depends on ``(seed, i)`` alone: a longer set begins with the shorter one.
    """
    for index in range(count):
        yield Drawn(f"{index:06d}", masks(size, size, generator(seed, RngStream.GENERATE, index=index)))


def by_ratio(family: PaintedMask, spread: Spread | None = None) -> dict[str, PaintedMask]:
    """A family in each bucket of hole ratios, without and with the border constraint: ``free/10-20`` and so on.

    ``spread`` is that of ratios within each bucket; None for the family's own.
    """
    spread = spread or family.spread
    return {
        f"{border}/{100 * low:02.0f}-{100 * high:.0f}": replace(family, ratio=(low, high), border=margin, spread=spread)
        for border, margin in BORDERS.items()
        for low, high in BUCKETS
    }


def draw_buckets(family: PaintedMask, count: int, size: int, seed: int) -> Iterator[Drawn]:
    """Draw an evaluation set: ``count`` masks of each of :func:`by_ratio`, as ``free/10-20/000000.png``."""
    for name, bucket in by_ratio(family).items():
        for number, mask, _ in draw_set(bucket, count, size, seed):
            yield Drawn(f"{name}/{number}", mask)


def write_set(masks: Iterable[Drawn], family: str, seed: int, out: Path) -> Iterator[Row]:
    """Write masks as PNG and, when all are there, the manifest.

    Family and seed go into the manifest, and the folder is made if it is missing.

    Yields:
        The manifest's row of each mask as soon as its file is written.

    Raises:
        InlayError: the folder holds a set already, or cannot be written; or a name is there twice or leads out of it.
    """
    manifest = out / MANIFEST
    if manifest.exists():
        raise InlayError(f"{out}: holds a mask set already. Choose another --out, or remove the folder first.")
    rows: list[Row] = []
    names: set[str] = set()
    for name, mask, id in masks:
        if name in names:
            raise InlayError(f"{out / name}.png: two pictures would share it. Give them names that differ.")
        names.add(name)
        if not (out / name).resolve().is_relative_to(out.resolve()):
            raise InlayError(f"{name}: leads out of {out}. Give the picture an id without '..' and leading '/'.")
        write_picture(out / f"{name}.png", Picture(mask[..., None].astype(np.uint8) * 255))
        row = Row(file=f"{name}.png", ratio=float(mask.mean()), family=family, seed=seed)
        if id is not None:
            row["id"] = id
        rows.append(row)
        yield row
    try:
        write_text(manifest, "".join(json.dumps(row) + "\n" for row in rows))
    except OSError as error:
        raise unwritable(manifest, error) from error
