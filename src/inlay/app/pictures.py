"""Pictures on their way in and out of the page."""

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inlay.app.history import Patch, Step, remembered
from inlay.app.limits import Limits
from inlay.app.masks import Hole
from inlay.app.room import Room
from inlay.app.views import View, new_folder, view_of
from inlay.errors import BadFile, InlayError
from inlay.images import (
    LOSSY,
    MaskPolarity,
    Picture,
    check_writable,
    is_unturned,
    mask_of,
    photograph_doubt,
    read_picture,
    read_pixels,
    resize_mask,
    upright,
    write_picture,
)

_ODD = re.compile(r"[^\w .()+,=@-]")  # in the name of a file, for some system


@dataclass(frozen=True)
class Loaded:
    """What a visitor works on.

    Attributes:
        name: of the file.
        picture: its own pixels and whatever was filled since; what is downloaded is made of this.
        view: what the page shows of it.
        mask: where the mask file lies that was given for it; None without one.
        done: the fillings since, which can be undone.
        undone: those that were, the last one first.
        version: of the picture; no other has it.
    """

    name: str
    picture: Picture
    view: View
    mask: str | None = None
    done: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()
    version: int = field(default_factory=itertools.count().__next__)

    def gone_on(self, patch: Patch, runs: str, room: Room) -> "Loaded":
        """With a filling as the picture to go on from."""
        return self._with(patch.applied(self.picture), room, remembered((*self.done, Step(patch, runs))), ())

    def gone_back(self, room: Room) -> "Loaded":
        """Before the last filling; what is shown and kept of the other is forgotten."""
        *done, last = self.done
        return self._with(last.patch.undone(self.picture), room, tuple(done), (last, *self.undone))

    def gone_forward(self, room: Room) -> "Loaded":
        """With the filling again that was undone."""
        first, *undone = self.undone
        return self._with(first.patch.applied(self.picture), room, (*self.done, first), tuple(undone))

    def _with(self, picture: Picture, room: Room, done: tuple[Step, ...], undone: tuple[Step, ...]) -> "Loaded":
        view = view_of(picture, room)
        self.view.forget()
        return Loaded(self.name, picture, view, None, done, undone)


def load(path: str, limits: Limits, room: Room) -> Loaded:
    """Read a picture that was handed in.

    Raises:
        InlayError: it cannot be read, or it is too large; the message has the file's name, and not where it lies.
    """
    try:
        _check_admitted(path, limits)
        picture = read_picture(path, int(limits.pixels))
    except BadFile as error:
        raise _nameless(error) from error
    return Loaded(Path(path).name, picture, view_of(picture, room))


def load_mask(
    path: str, size: tuple[int, int], mask_polarity: MaskPolarity, limits: Limits, turned: int = 1
) -> tuple[Hole, list[str]]:
    """Read a mask that was handed in, and bring it to a picture's size.

    Args:
        path: of the mask.
        size: height and width of the picture.
        mask_polarity: the color of the hole in the mask.
        limits: of files and pictures.
        turned: the EXIF orientation that was undone to have the picture upright.

    Returns:
        The hole, ``(H, W)`` bool, and what the visitor should know of how it came to fit.

    Raises:
        InlayError: as :func:`load`; or it is a photograph.
    """
    try:
        _check_admitted(path, limits)
        picture = read_pixels(path, int(limits.pixels))
        if doubt := photograph_doubt(picture):
            raise BadFile(path, f"{doubt} Hand in the mask.")
    except BadFile as error:
        raise _nameless(error) from error
    mask, said = mask_of(picture, mask_polarity), []
    if is_unturned(mask.shape, size, turned):
        mask = np.ascontiguousarray(upright(mask, turned))
        said.append("The mask was turned as the picture was by its EXIF orientation.")
    (height, width), (mask_height, mask_width) = size, mask.shape
    if mask.shape != size:
        said.append(f"The mask is {mask_width}x{mask_height}, resized to the picture's {width}x{height}.")
        if abs(mask_width / mask_height * height / width - 1) > 0.01:
            said.append("Their shapes differ, so it was stretched. Is it the right mask?")
    return resize_mask(mask, height, width), said


def own_format(loaded: Loaded) -> str:
    """The suffix of the picture's own file, or ``.png`` where that cannot hold what is filled."""
    suffix = Path(loaded.name).suffix.lower()
    try:
        check_writable(f"a{suffix}", loaded.picture)
    except InlayError:
        return ".png"
    return suffix


def is_exact(suffix: str) -> bool:
    """Whether files of a format keep every pixel for certain."""
    return suffix not in LOSSY


def save(picture: Picture, name: str, room: Room) -> Path:
    """Write a picture for download, in the format of the name's suffix, in a folder that cannot be guessed."""
    with room.written():
        path = new_folder(room.folder) / _ODD.sub("_", name)
        write_picture(path, picture)
    room.tidy()
    return path


def hole_picture(hole: Hole) -> Picture:
    """A hole as a picture: white is the hole."""
    return Picture(hole[..., None].astype(np.uint8) * 255)


def _check_admitted(path: str, limits: Limits) -> None:
    if not Path(path).exists():
        raise BadFile(path, "not kept here any more. Hand it in again.")
    if Path(path).stat().st_size > limits.megabytes * 1_000_000:
        raise BadFile(path, f"more than {limits.megabytes} megabytes. Take a smaller file.")


def _nameless(error: BadFile) -> InlayError:
    return InlayError(f"{Path(error.path).name}: {error.reason}")
