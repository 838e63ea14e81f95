"""Pictures on their way in and out of the page, and the fillings that a visit can go back to."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inlay.app.limits import Limits
from inlay.app.masks import Mask
from inlay.app.room import Room
from inlay.app.views import View, view_of
from inlay.errors import BadFile, InlayError
from inlay.images import (
    MaskPolarity,
    Picture,
    check_writable,
    mask_of,
    photograph_warning,
    read_picture,
    read_pixels,
    write_picture,
)
from inlay.pipeline.masks import match_size

_ODD = re.compile(r"[^\w .()+,=@-]")  # in the name of a file, for some system
MOST_KEPT = 500_000_000
"""Bytes of the earlier pictures that one visit can go back to; beyond it the oldest go first."""


@dataclass(frozen=True)
class Patch:
    """A box of pixels in which two pictures of one size differ."""

    top: int
    left: int
    before: NDArray[np.uint8] | NDArray[np.uint16]
    after: NDArray[np.uint8] | NDArray[np.uint16]

    @classmethod
    def between(cls, before: Picture, after: Picture) -> "Patch":
        """The smallest patch that makes one picture the other."""
        rows = np.flatnonzero((before.pixels != after.pixels).reshape(len(before.pixels), -1).any(axis=1))
        if not len(rows):
            return cls(0, 0, before.pixels[:0, :0], after.pixels[:0, :0])
        across = slice(rows[0], rows[-1] + 1)
        columns = np.flatnonzero((before.pixels[across] != after.pixels[across]).any(axis=0).any(axis=1))
        box = across, slice(columns[0], columns[-1] + 1)
        return cls(int(rows[0]), int(columns[0]), before.pixels[box].copy(), after.pixels[box].copy())

    def apply(self, picture: Picture, undo: bool = False) -> Picture:
        """Make the picture before it the one after it, or the other way round."""
        part, pixels = self.before if undo else self.after, picture.pixels.copy()
        pixels[self.top : self.top + part.shape[0], self.left : self.left + part.shape[1]] = part
        return replace(picture, pixels=pixels)


@dataclass(frozen=True)
class Step:
    """A filling that was gone on from: what it changed, and its hole (see :mod:`inlay.app.masks`)."""

    patch: Patch
    runs: str


def limited(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The last steps, no more than :data:`MOST_KEPT` bytes of them, but at least one."""
    while len(steps) > 1 and sum(step.patch.before.nbytes + step.patch.after.nbytes for step in steps) > MOST_KEPT:
        steps = steps[1:]
    return steps


@dataclass(frozen=True)
class Loaded:
    """The picture that a visitor works on, under its file's name."""

    name: str
    picture: Picture
    """Its own pixels and whatever was filled since; downloads are made of it."""
    view: View
    mask: str | None = None
    """Path of the mask file that was handed in for it."""
    done: tuple[Step, ...] = ()
    """Fillings since, which can be undone."""
    undone: tuple[Step, ...] = ()
    """Fillings that were undone, the last one first."""
    version: int = field(default_factory=itertools.count().__next__)
    """No other picture has it."""

    def go_on(self, patch: Patch, runs: str, room: Room) -> "Loaded":
        """Go on from a filling."""
        return self._with(patch.apply(self.picture), room, limited((*self.done, Step(patch, runs))), ())

    def go_back(self, room: Room) -> "Loaded":
        """Undo the last filling."""
        *done, last = self.done
        return self._with(last.patch.apply(self.picture, undo=True), room, tuple(done), (last, *self.undone))

    def go_forward(self, room: Room) -> "Loaded":
        """Redo the filling that was undone."""
        first, *undone = self.undone
        return self._with(first.patch.apply(self.picture), room, (*self.done, first), tuple(undone))

    def _with(self, picture: Picture, room: Room, done: tuple[Step, ...], undone: tuple[Step, ...]) -> "Loaded":
        view = view_of(picture, room)
        self.view.forget()
        return Loaded(self.name, picture, view, None, done, undone)


def load(path: str, limits: Limits, room: Room) -> Loaded:
    """Read a picture that was handed in.

    Raises:
        InlayError: it cannot be read, or is too large; the message has the file's name, and not its place.
    """
    with _admitted(path, limits):
        picture = read_picture(path, int(limits.pixels))
    return Loaded(Path(path).name, picture, view_of(picture, room))


def load_mask(
    path: str, size: tuple[int, int], mask_polarity: MaskPolarity, limits: Limits, turned: int = 1
) -> tuple[Mask, list[str]]:
    """Read a mask that was handed in, and resize it to a picture of ``size`` (height, width).

    Returns:
        The hole, ``(H, W)`` bool, and what the visitor should know about it.

    Raises:
        InlayError: it cannot be read, is too large, or is a photograph.
    """
    with _admitted(path, limits):
        picture = read_pixels(path, int(limits.pixels))
        if doubt := photograph_warning(picture):
            raise BadFile(path, f"{doubt} Hand in the mask.")
    hole = match_size(mask_of(picture, mask_polarity), size, "mask", turned)
    return hole.mask, [*filter(None, [hole.note]), *hole.warnings]


def own_format(loaded: Loaded) -> str:
    """The suffix of the picture's own file, or ``.png`` where that format cannot hold what is filled."""
    suffix = Path(loaded.name).suffix.lower()
    try:
        check_writable(f"a{suffix}", loaded.picture)
    except InlayError:
        return ".png"
    return suffix


def save(picture: Picture, name: str, room: Room) -> Path:
    """Write a picture for download, in the format of the name's suffix, in a folder that cannot be guessed."""
    with room.written() as folder:
        path = folder / _ODD.sub("_", name)
        write_picture(path, picture)
    room.tidy()
    return path


@contextmanager
def _admitted(path: str, limits: Limits) -> Iterator[None]:
    """Check a file that was handed in; errors have its name, and not its place."""
    try:
        if not Path(path).exists():
            raise BadFile(path, "not kept here any more. Hand it in again.")
        if Path(path).stat().st_size > limits.megabytes * 1_000_000:
            raise BadFile(path, f"more than {limits.megabytes} megabytes. Take a smaller file.")
        yield
    except BadFile as error:
        raise InlayError(f"{Path(error.path).name}: {error.reason}") from error
