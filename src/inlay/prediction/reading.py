"""A picture, its hole and its text from disk, and the answers back to disk."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.images import (
    Picture,
    alpha_hole,
    check_writable,
    contact_sheet,
    not_held,
    read_pages,
    write_pages,
    write_picture,
)
from inlay.pipeline import Hole, Job, fitted, frames_of, read_hole, seeds
from inlay.prediction.pairing import PredictItem
from inlay.prediction.request import Request
from inlay.prediction.sheet import comparison


class Page(NamedTuple):
    """A picture that is to be filled, and where."""

    picture: Picture
    hole: NDArray[np.bool_]


class LoadedItem(NamedTuple):
    """What is to be filled of a file."""

    task: PredictItem
    pages: list[Page]
    """One, or the pages of a TIFF."""
    doubts: list[str]
    """What is odd about the pictures or the holes."""
    remark: str
    """What was done to the mask, where that is nothing odd."""
    left_out: list[str]
    """What the picture's file said and its answer's does not."""

    @property
    def hole_ratio(self) -> float:
        """The share of the pixels that is hole."""
        return sum(int(page.hole.sum()) for page in self.pages) / sum(page.hole.size for page in self.pages)


def read(request: Request, task: PredictItem) -> LoadedItem:
    """Read a picture and its hole, or the pages of a TIFF and theirs.

    Raises:
        InlayError: a file is broken (that of the text is one), the mask leaves nothing to do, or the output's format
            cannot hold the picture.
    """
    if task.text_fault:
        raise InlayError(task.text_fault)
    pictures = read_pages(task.image, frame=request.frame)
    for path in task.outputs:
        for picture in pictures:
            check_writable(path, picture, len(pictures))
    frames = frames_of(task.mask, task.image, len(pictures), request.frame)
    pages, remarks, left_out = [], [], []
    doubts = [*task.text_doubts]
    for picture, frame in zip(pictures, frames, strict=True):
        hole = _hole(request, task, picture, frame)
        lost, suffix = not_held(task.outputs[0], picture), task.outputs[0].suffix
        doubts += [*_doubts(task, picture, lost), *hole.doubts]
        left_out += [*picture.metadata.left_out, *(f"its {name}, for which {suffix} has no place" for name in lost)]
        remarks.append(hole.remark)
        pages.append(Page(picture, hole.mask))
    said = [list(dict.fromkeys(lines)) for lines in (doubts, left_out)]
    return LoadedItem(task, pages, said[0], next(filter(None, remarks), ""), said[1])


def _hole(request: Request, task: PredictItem, picture: Picture, frame: int | None) -> Hole:
    if task.mask is not None:
        return read_hole(task.mask, picture.size, request.mask_polarity, request.threshold, picture.turned, frame)
    if picture.mode.removesuffix("16") in ("LA", "RGBA"):
        return fitted(alpha_hole(picture), picture.size, f"{task.image}, what is transparent")
    raise InlayError(f"{task.image}: no --mask was given, and nothing in it is transparent. Name a mask.")


def _doubts(task: PredictItem, picture: Picture, lost: list[str]) -> Iterator[str]:
    """What is odd about a picture.

    Args:
        task: that it is of.
        picture: as it was read.
        lost: what the answer's format has no place for.
    """
    if looks := " and ".join(name for name in lost if name in ("profile", "colors")):
        yield f"{task.image}: {task.outputs[0].suffix} has no place for its {looks}, so it may look otherwise."
    if picture.damage:
        yield f"{task.image}: {picture.damage}. Look at it."
    if picture.stored_as:
        yield f"{task.image} is stored as {picture.stored_as}; the output is {picture.mode}."


def jobs(request: Request, given: LoadedItem) -> list[Job]:
    """What is asked of the model: every page, and all of them once for each sample."""
    return [
        Job(page.picture, page.hole, given.task.text, seed)
        for seed in seeds(request.seed, request.samples)
        for page in given.pages
    ]


def write(given: LoadedItem, filled: Sequence[Picture]) -> None:
    """Write all samples of a picture, and the sheet that was asked for.

    Args:
        given: what was read.
        filled: of each sample all pages.

    Raises:
        InlayError: the disk refuses.
    """
    count = len(given.pages)
    for number, path in enumerate(given.task.outputs):
        write_pages(path, filled[number * count : (number + 1) * count])
    if given.task.sheet:
        pages = [
            comparison(page.picture, page.hole, filled[number::count], given.task.text)
            for number, page in enumerate(given.pages)
        ]
        write_picture(given.task.sheet, pages[0] if count == 1 else contact_sheet([page.rgb()] for page in pages))
