"""A picture, its hole and its text from disk, and the answers back to disk."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inlay.composing import Job
from inlay.errors import InlayError
from inlay.images import Picture, alpha_hole, check_writable, not_held, read_picture, write_picture
from inlay.inpainter import fitted, read_hole, seeds
from inlay.prediction.request import Request
from inlay.prediction.sheet import comparison
from inlay.prediction.tasks import Task


class Given(NamedTuple):
    """A picture that is to be filled."""

    task: Task
    picture: Picture
    hole: NDArray[np.bool_]
    doubts: list[str]
    """What is odd about the picture or the hole."""
    remark: str
    """What was done to the mask, where that is nothing odd."""
    left_out: list[str]
    """What the picture's file said and its answer's does not."""


def read(request: Request, task: Task) -> Given:
    """Read a picture and its hole.

    Raises:
        InlayError: a file is broken, the mask leaves nothing to do, or the output's format cannot hold the picture.
    """
    picture = read_picture(task.image)
    for path in task.outputs:
        check_writable(path, picture)
    if task.mask is not None:
        hole = read_hole(task.mask, picture.size, request.hole_is, request.threshold, picture.turned)
    elif picture.mode.removesuffix("16") in ("LA", "RGBA"):
        hole = fitted(alpha_hole(picture), picture.size, f"{task.image}, what is transparent")
    else:
        raise InlayError(f"{task.image}: no --mask was given, and nothing in it is transparent. Name a mask.")
    doubts = hole.doubts
    if picture.stored_as:
        doubts = [f"{task.image} is stored as {picture.stored_as}; the output is {picture.mode}.", *doubts]
    if picture.damage:
        doubts = [f"{task.image}: {picture.damage}. Look at it.", *doubts]
    lost, suffix = not_held(task.outputs[0], picture), task.outputs[0].suffix
    if looks := " and ".join(name for name in lost if name in ("profile", "colors")):
        doubts = [f"{task.image}: {suffix} has no place for its {looks}, so it may look otherwise.", *doubts]
    left_out = [*picture.metadata.left_out, *(f"its {name}, for which {suffix} has no place" for name in lost)]
    return Given(task, picture, hole.mask, doubts, hole.remark, left_out)


def jobs(request: Request, given: Given) -> list[Job]:
    """What is asked of the model: the picture, once for each sample."""
    return [Job(given.picture, given.hole, given.task.text, seed) for seed in seeds(request.seed, request.samples)]


def write(given: Given, filled: Sequence[Picture]) -> None:
    """Write all samples of a picture, and the sheet that was asked for.

    Raises:
        InlayError: the disk refuses.
    """
    for path, picture in zip(given.task.outputs, filled, strict=True):
        write_picture(path, picture)
    if given.task.sheet:
        write_picture(given.task.sheet, comparison(given.picture, given.hole, filled, given.task.text))
