"""Pictures of an evaluation: the best, the median and the worst of each filler, beside the others."""

import base64
import io
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import BadFile
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.results import ResultRow, Results
from inlay.images import read_image, read_mask

SIDE = 256
"""Pixels: larger pictures are shrunk for the page."""
QUALITY = 90
"""Of their JPEG."""
SMALL = 64
"""Pixels: up to this side pictures are PNG, which costs little and blurs nothing."""


Case = tuple[int, str]
"""A picture and a hole."""
Choice = Literal["best", "median", "worst"]


class Tile(NamedTuple):
    """A picture of a strip."""

    name: str
    source: str | None
    """A ``data:`` address; None where the file is missing or damaged."""
    width: int
    height: int
    psnr: str
    """Of the hole, in dB; empty for pictures that are no fill."""
    filled: bool
    """Whether a filler made it."""
    own: bool
    """Whether it is the fill that the strip was chosen for."""


class Strip(NamedTuple):
    """A case: the picture with its hole, every filler's fill, the truth."""

    choices: list[Choice]
    """Why it is shown; several where there are few cases."""
    id: str
    hole: str
    ratio: float
    caption: str
    tiles: list[Tile]


def gallery(results: Results, rows: Sequence[ResultRow], folder: EvalFolder) -> dict[str, list[Strip]]:
    """For each filler the cases of its smallest, median and largest ``mse_hole``, among the rows that have it."""
    by_case: dict[Case, dict[str, ResultRow]] = {}
    for row in rows:
        by_case.setdefault((row["picture"], row["hole"]), {})[row["filler"]] = row
    return {
        filler: [
            _strip(choices, filler, by_case[case], list(results["fillers"]), folder)
            for case, choices in _chosen(by_case, filler).items()
        ]
        for filler in results["fillers"]
    }


def _chosen(by_case: Mapping[Case, Mapping[str, ResultRow]], filler: str) -> dict[Case, list[Choice]]:
    """Three cases of a filler; fewer where there are fewer. Between equal errors the first picture decides."""
    errors = {case: _error(of_case.get(filler)) for case, of_case in by_case.items()}
    order = sorted((error, case) for case, error in errors.items() if error is not None)
    chosen: dict[Case, list[Choice]] = {}
    if order:
        places: dict[Choice, int] = {"best": 0, "median": (len(order) - 1) // 2, "worst": len(order) - 1}
        for choice, place in places.items():
            chosen.setdefault(order[place][1], []).append(choice)
    return chosen


def _error(row: ResultRow | None) -> float | None:
    error: float | None = cast(Mapping[str, Any], row or {}).get("mse_hole")
    return error


def _strip(
    choices: list[Choice], filler: str, rows: Mapping[str, ResultRow], fillers: Sequence[str], folder: EvalFolder
) -> Strip:
    row = rows[filler]
    picture, hole = row["picture"], row["hole"]

    def masked() -> NDArray[np.uint8]:
        return np.where(read_mask(folder.mask(picture, hole))[..., None], np.uint8(255), original())

    original = partial(read_image, folder.original(picture))
    tiles = [_tile("masked", masked)]
    for name in fillers:
        filled = partial(read_image, folder.filled(name, picture, hole))
        tiles.append(_tile(name, filled, _decibel(_error(rows.get(name))), filled=True, own=name == filler))
    tiles.append(_tile("original", original))
    return Strip(choices, row["id"], hole, row["ratio"], row["caption"], tiles)


def _decibel(error: float | None) -> str:
    if error is None:
        return ""
    return f"{-10 * math.log10(error):.2f} dB" if error else "exact"


def _tile(
    name: str, read: Callable[[], NDArray[np.uint8]], psnr: str = "", filled: bool = False, own: bool = False
) -> Tile:
    try:
        picture = Image.fromarray(read())
    except BadFile:
        return Tile(name, None, SIDE, SIDE, psnr, filled, own)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    kind = "PNG" if max(picture.size) <= SMALL else "JPEG"
    data = io.BytesIO()
    picture.save(data, kind, quality=QUALITY, optimize=True)
    address = f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
    return Tile(name, address, *picture.size, psnr, filled, own)
