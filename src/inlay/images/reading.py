"""Pictures come in from files, and from Pillow."""

import logging
import os
import struct
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import BadFile, InlayError
from inlay.images.decoding import (
    REDUCED,
    WIDE,
    decode,
    decode_by_pillow,
    decode_jpeg,
    orientation_left,
    stored_orientation,
)
from inlay.images.jpeg import check_scans
from inlay.images.metadata import collect
from inlay.images.opening import MAX_PIXELS, check_single, opened, places, quiet
from inlay.images.picture import SIDEWAYS, Picture, bands, upright

log = logging.getLogger(__name__)

_ROUNDING = 1.001  # of floats that should end at the brightest value


def read_picture(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, frame: int | None = None) -> Picture:
    """Read a picture: gray, palette, CMYK, 16 bits or alpha; turned upright by EXIF.

    The formats are those of :data:`~inlay.images.formats.READ_HERE`. Damaged metadata are left out with a warning.

    Args:
        path: the file.
        max_pixels: refuse larger pictures before decoding them.
        frame: which page of a TIFF, or frame of an animation, from 1; None for files that hold one picture.

    Raises:
        BadFile: the file is missing, is no picture, is damaged or is too large; or it holds several and ``frame`` names
            none of them.
    """
    with opened(path, max_pixels, frame) as file:
        if frame in (None, 1) and (others := int(getattr(file, "n_frames", 1)) - len(places(file))):
            log.warning("%s: holds %d more versions of the picture, as previews are; they were left out.", path, others)
        return _described(decode(Path(path), file), file, os.fspath(path))


def read_pages(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, frame: int | None = None) -> list[Picture]:
    """Every page of a TIFF; of another file, or where a frame is named, the one picture of :func:`read_picture`.

    Raises:
        BadFile: see :func:`read_picture`; an animation, or pages that have more than ``max_pixels`` together.
    """
    if frame is not None:
        return [read_picture(path, max_pixels, frame)]
    with opened(path, max_pixels, frame=1) as file:
        pages = places(file) if file.format == "TIFF" else [0]
        total = 0
        for page in pages:
            file.seek(page)
            total += file.width * file.height
        if len(pages) > 1 and total > max_pixels:
            raise BadFile(path, f"{len(pages)} pages of {total:,} pixels are too many. Choose one with frame=N.")
    numbers = range(1, len(pages) + 1) if len(pages) > 1 else [None]
    return [read_picture(path, max_pixels, number) for number in numbers]


def count_frames(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> int:
    """How many pictures a file holds: pages, or frames. Errors: see :func:`read_picture`."""
    with opened(path, max_pixels, frame=1) as file:
        return len(places(file))


def read_pixels(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, frame: int | None = None) -> Picture:
    """:func:`read_picture` without the metadata, for masks: gray of 32 bits a pixel is taken by :func:`from_array`."""
    with opened(path, max_pixels, frame) as file:
        if file.mode in WIDE:
            check_scans(file)
            return from_array(upright(np.asarray(file), orientation_left(file)), path)
        return decode(Path(path), file)


def from_array(numbers: NDArray[Any], name: str | os.PathLike[str]) -> Picture:
    """A gray picture of 16 bits from ``(H, W)`` numbers, whose range tells what is white: 1, 255 or 65535.

    Raises:
        BadFile: they have another range.
    """
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    white = next((peak for peak in (1, 255, 65535) if high <= peak * _ROUNDING), None)
    if not low >= 0 or white is None:  # NaN is neither
        raise BadFile(name, f"its values go from {low:g} to {high:g}: not from 0 to 1, 255 or 65535. Scale them.")
    pixels = np.empty((*numbers.shape, 1), np.uint16)
    for rows in bands(*numbers.shape):
        pixels[rows, :, 0] = np.rint(np.clip(numbers[rows] / white, 0, 1) * 65535)
    return Picture(pixels)


def read_image(
    path: str | os.PathLike[str], min_short_side: int | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Read a picture for training: ``(H, W, 3)`` uint8 RGB, upright. Errors: see :func:`read_picture`.

    With ``min_short_side``, in pixels, a JPEG is decoded at the smallest of 1/8, 1/4, 1/2 and full scale that gives it,
    which costs a fraction.
    """
    decoded = decode_image(path, min_short_side, max_pixels)
    if decoded.damage:
        log_damage(os.fspath(path), decoded.damage)
    return decoded.pixels


class Decoded(NamedTuple):
    """A picture for training, and facts about its file."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    """Height and width of the upright picture, which the pixels may show at a smaller scale."""
    turned: int
    """The EXIF orientation that was undone to have it upright; 1 for none."""
    damage: str
    """The decoder's warning about damaged pixels; empty for sound ones."""


def decode_image(
    path: str | os.PathLike[str], min_short_side: int | None = None, max_pixels: int = MAX_PIXELS
) -> Decoded:
    """Read a picture as :func:`read_image` does, with facts about its file; nothing is logged."""
    with opened(path, max_pixels) as file:
        check_scans(file)
        if file.format == "JPEG" and file.mode in ("L", "RGB"):
            scale = next((k for k in (8, 4, 2) if min_short_side and min(file.size) // k >= min_short_side), 1)
            pixels, damage = decode_jpeg(file, REDUCED[scale])
            if pixels is not None:
                turned, (width, height) = orientation_left(file), file.size
                return Decoded(pixels, (width, height) if turned in SIDEWAYS else (height, width), turned, damage)
        picture = decode(Path(path), file)
        return Decoded(picture.rgb8(), picture.size, picture.turned, picture.damage)


def picture_size(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width of the upright picture, from the file's head alone. Errors: see :func:`read_picture`."""
    with opened(path, max_pixels) as file:
        width, height = file.size
        return (width, height) if orientation_left(file) in SIDEWAYS else (height, width)


def count_pixels(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> int:
    """Height times width, of a TIFF times its pages, from the head of the file. Errors: see :func:`read_picture`."""
    with opened(path, max_pixels, frame=1) as file:
        return file.width * file.height * (len(places(file)) if file.format == "TIFF" else 1)


def from_pil(image: Image.Image) -> Picture:
    """A picture of Pillow's as one of ours: any mode of up to 16 bits, turned upright by EXIF, with its metadata.

    What Pillow opened from 16-bit colors has 8 bits; :func:`read_picture` keeps all 16.

    Raises:
        InlayError: a mode of 32 bits, a file of several frames, or one that turns out to be damaged as it is decoded.
    """
    name = getattr(image, "filename", "") or "the picture"
    try:
        check_single(image, name, "Turn to the one you mean with image.seek(), and give image.copy().")
        check_scans(image)
        turned = stored_orientation(image)
        image.load()
        with quiet():
            return _described(replace(decode_by_pillow(image), turned=turned), image, name)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise InlayError(f"{name}: cannot be taken from Pillow ({error}). Convert it to RGB or RGBA.") from error


@lru_cache(maxsize=4096)  # training reads a file again and again
def log_damage(path: str, damage: str) -> None:
    """Warn of a file whose coded pixels are damaged, once."""
    log.warning("%s: %s. Look at it.", path, damage)


def _described(picture: Picture, image: Image.Image, name: str) -> Picture:
    sideways = image.format != "TIFF" and orientation_left(image) in SIDEWAYS
    path = Path(name) if Path(name).is_file() else None
    return replace(picture, metadata=collect(image, picture.pixels.shape[2], sideways, name, path))
