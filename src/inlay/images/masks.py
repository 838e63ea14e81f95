"""Masks: which pixels of a picture are the hole."""

import math
import os
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.images.opencv import cv2
from inlay.images.picture import LUMA, Picture, bands
from inlay.images.reading import log_damage, read_pixels

MaskPolarity = Literal["white", "black"]
USUAL_HOLE = (0.05, 0.80)

_EXTREME = 16  # gray levels at either end that count as black and white
_SHADES, _BETWEEN = 64, 0.5  # gray levels, and the share between the ends, from which on it is a photograph


def read_mask(
    path: str | os.PathLike[str], mask_polarity: MaskPolarity = "white", binarize: float = 0.5, frame: int | None = None
) -> NDArray[np.bool_]:
    """Read a mask: ``(H, W)`` bool, True = hole.

    Args:
        path: any picture; color is reduced to luminance and alpha is ignored.
        mask_polarity: the color of the hole in this file. Inlay, LaMa and diffusers write white; some sets write black.
        binarize: from which share of full white a pixel is white; one half means 128 of 255.
        frame: as for :func:`~inlay.images.reading.read_picture`.

    Raises:
        BadFile: the file cannot be read.
        InlayError: ``mask_polarity`` is neither ``white`` nor ``black``.
    """
    _check(mask_polarity)
    picture = read_pixels(path, frame=frame)
    if picture.damage:
        log_damage(os.fspath(path), picture.damage)
    return mask_of(picture, mask_polarity, binarize)


def mask_of(picture: Picture, mask_polarity: MaskPolarity = "white", binarize: float = 0.5) -> NDArray[np.bool_]:
    """The mask that a picture shows, ``(H, W)`` bool, True = hole. Arguments and errors: see :func:`read_mask`."""
    _check(mask_polarity)
    least = math.ceil(binarize * 255) - 0.5  # half a step of slack for the rounding of the three weights
    white = np.empty(picture.size, np.bool_)
    for rows in bands(*picture.size):
        white[rows] = _luminance(picture, rows) >= least
    return ~white if mask_polarity == "black" else white


def photograph_warning(picture: Picture) -> str | None:
    """Warn of a picture that is no mask but a photograph: many gray levels, and most of it neither black nor white.

    Returns:
        None for a mask, of which JPEG may have blurred the edges.
    """
    levels = np.zeros(256, np.int64)
    for rows in bands(*picture.size):
        levels += np.bincount(np.rint(_luminance(picture, rows)).astype(np.uint8).ravel(), minlength=256)
    between = levels[_EXTREME:-_EXTREME].sum() / levels.sum()
    shades = np.count_nonzero(levels)
    if between <= _BETWEEN or shades < _SHADES:
        return None
    return f"a photograph rather than a mask: {shades} gray levels, and {between:.0%} of it neither black nor white."


def mask_from_alpha(picture: Picture) -> NDArray[np.bool_]:
    """The hole that was cut into a picture, ``(H, W)`` bool: True where it is more transparent than opaque.

    Raises:
        InlayError: the picture has no alpha channel.
    """
    if picture.pixels.shape[2] not in (2, 4):
        raise InlayError(
            f"a picture of mode {picture.mode} has no alpha channel to take the hole from. "
            "Give a mask, or make the hole transparent and save it as .png, .webp or .tiff."
        )
    transparent: NDArray[np.bool_] = picture.pixels[..., -1] < picture.peak / 2
    return transparent


def resize_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Resize a ``(H, W)`` bool mask with nearest neighbor, so that it stays binary."""
    if mask.shape == (height, width):
        return mask
    return cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.bool_)


def polarity_warning(ratio: float, mask_polarity: MaskPolarity = "white") -> str | None:
    """Warn of masks that leave an unusual hole ratio; None for a usual one."""
    low, high = USUAL_HOLE
    if low <= ratio <= high:
        return None
    other = "black" if mask_polarity == "white" else "white"
    return (
        f"the hole covers {ratio:.1%} of the picture, which is unusual (read with {mask_polarity} = hole). "
        f"If the colors are the other way round, use mask_polarity={other}."
    )


def _luminance(picture: Picture, rows: slice) -> NDArray[np.float64]:
    """Of some rows, from 0 to 255."""
    luminance: NDArray[np.float64] = Picture(picture.pixels[rows]).rgb8() @ LUMA
    return luminance


def _check(mask_polarity: str) -> None:
    if mask_polarity not in ("white", "black"):
        raise InlayError(f"mask_polarity must be 'white' or 'black', got {mask_polarity!r}.")
