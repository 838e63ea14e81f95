"""Pictures on their way in and out of the page."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.app.holes import Hole, preview_size
from inlay.app.limits import Limits
from inlay.errors import BadFile, InlayError
from inlay.images import (
    SIDEWAYS,
    HoleIs,
    Picture,
    mask_of,
    photograph_doubt,
    read_picture,
    read_pixels,
    resize_mask,
    upright,
    write_picture,
)


@dataclass(frozen=True)
class Loaded:
    """What a visitor works on.

    Attributes:
        name: of the file.
        picture: as the file holds it; what is downloaded is made of this, never of a preview.
        given: ``(H, W)`` the mask that came in a file, in the picture's size; None without one.
    """

    name: str
    picture: Picture
    given: Hole | None = None


def load(path: str, limits: Limits) -> Loaded:
    """Read a picture that was handed in.

    Raises:
        InlayError: it cannot be read, or it is too large; the message has the file's name, and not where it lies.
    """
    try:
        _check_admitted(path, limits)
        return Loaded(Path(path).name, read_picture(path, int(limits.pixels)))
    except BadFile as error:
        raise _nameless(error) from error


def load_mask(
    path: str, size: tuple[int, int], hole_is: HoleIs, limits: Limits, turned: int = 1
) -> tuple[Hole, list[str]]:
    """Read a mask that was handed in, and bring it to a picture's size.

    Args:
        path: of the mask.
        size: height and width of the picture.
        hole_is: the color of the hole in the mask.
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
            raise BadFile(path, doubt)
    except BadFile as error:
        raise _nameless(error) from error
    mask, said = mask_of(picture, hole_is), []
    if turned in SIDEWAYS and mask.shape != size and mask.shape == size[::-1]:
        mask = np.ascontiguousarray(upright(mask, turned))
        said.append("The mask was turned as the picture was by its EXIF orientation.")
    (height, width), (mask_height, mask_width) = size, mask.shape
    if mask.shape != size:
        said.append(f"The mask is {mask_width}x{mask_height}, resized to the picture's {width}x{height}.")
        if abs(mask_width / mask_height * height / width - 1) > 0.01:
            said.append("Their shapes differ, so it was stretched. Is it the right mask?")
    return resize_mask(mask, height, width), said


def preview(picture: Picture) -> NDArray[np.uint8]:
    """``(h, w, 3)`` uint8 RGB of :func:`~inlay.app.holes.preview_size`; what is transparent shows white."""
    colors = picture.rgb8()
    if picture.pixels.shape[2] in (2, 4):
        opaque = picture.pixels[..., -1:].astype(np.float32) / picture.peak
        colors = np.rint(colors * opaque + 255 * (1 - opaque)).astype(np.uint8)
    height, width = preview_size(picture.size)
    if (height, width) == picture.size:
        return colors
    return np.asarray(cv2.resize(colors, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def save(folder: Path, picture: Picture, name: str) -> Path:
    """Write a picture for download: a PNG, which keeps every pixel, in a folder of its own that cannot be guessed."""
    path = folder / secrets.token_urlsafe(16) / f"{Path(name).stem}_filled.png"
    write_picture(path, picture)
    return path


def _check_admitted(path: str, limits: Limits) -> None:
    if not Path(path).exists():
        raise BadFile(path, "not kept here any more. Hand it in again.")
    if Path(path).stat().st_size > limits.megabytes * 1_000_000:
        raise BadFile(path, f"more than {limits.megabytes} megabytes. Take a smaller file.")


def _nameless(error: BadFile) -> InlayError:
    return InlayError(f"{Path(error.path).name}: {error.reason}")
