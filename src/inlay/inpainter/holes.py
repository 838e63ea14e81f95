"""The hole of a picture, from whatever it is given as."""

import os
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import InlayError
from inlay.images import USUAL_HOLE, HoleIs, from_pil, mask_of, polarity_doubt, read_mask, read_picture, resize_mask
from inlay.inpainter.forms import numbers_of

_TRACE = 1e-4
"""Of a pixel: less of it is rounding."""


class Hole(NamedTuple):
    """Where a picture is to be filled."""

    mask: NDArray[np.bool_]
    """``(H, W)``, True = hole."""
    doubts: list[str]
    """What is odd about it, a sentence each."""
    remark: str = ""
    """What was done to it, where that is nothing odd."""


def read_hole(path: str | os.PathLike[str], size: tuple[int, int], hole_is: HoleIs = "white") -> Hole:
    """Read a mask file for a picture of ``size``. Errors: see :func:`fitted`, and :func:`inlay.images.read_mask`."""
    mask = read_mask(path, hole_is)
    if mask.all() != mask.any() or (brightest := int(read_picture(path).rgb8().max())) not in range(1, 128):
        return fitted(mask, size, os.fspath(path), hole_is)
    raise InlayError(f"{path}: its brightest value is {brightest} of 255, so nothing is white. Multiply it by 255.")


def hole_of(mask: Any, size: tuple[int, int]) -> Hole:
    """The hole that a mask means.

    Args:
        mask: a path or a :class:`PIL.Image.Image`, white = hole; or an array or a tensor with one number a pixel:
            bool, True = hole; 0 and 1, or 0 to 255, or a float from 0 to 1, hole from the middle on.
        size: height and width of the picture.

    Raises:
        InlayError: it is none of these; see :func:`fitted`.
    """
    if isinstance(mask, str | os.PathLike):
        return read_hole(mask, size)
    if isinstance(mask, Image.Image):
        return fitted(mask_of(from_pil(mask)), size, "mask")
    array = numbers_of(mask) if isinstance(mask, torch.Tensor) else mask
    if not isinstance(array, np.ndarray):
        raise InlayError(f"mask must be a path, a PIL image, an array or a tensor, got {type(mask).__name__}.")
    shape = tuple(side for place, side in enumerate(array.shape) if side > 1 or place in _sides(array.shape))
    if len(shape) != 2 or 0 in shape:
        raise InlayError(f"mask must have one number a pixel, (H, W), got {tuple(array.shape)}.")
    return fitted(_binary(array.reshape(shape)), size, "mask")


def fitted(mask: NDArray[np.bool_], size: tuple[int, int], name: str, hole_is: HoleIs = "white") -> Hole:
    """A mask at the size of its picture.

    Args:
        mask: ``(h, w)``, True = hole.
        size: height and width of the picture.
        name: what messages call it.
        hole_is: how it was read.

    Raises:
        InlayError: it has no hole, or is nothing but hole.
    """
    doubts, remark = [], ""
    (height, width), (mask_height, mask_width) = size, mask.shape
    if mask.shape != size:
        remark = f"The mask is {mask_width}x{mask_height}; resized to the picture's {width}x{height}."
        if abs(mask_width / mask_height * height / width - 1) > 0.01:
            doubts.append(f"{name}: mask and picture differ in aspect ratio: it was stretched. Is it the right one?")
        mask = _resized(mask, height, width)
    if not mask.any():
        other = "black" if hole_is == "white" else "white"
        raise InlayError(f"{name}: no hole ({hole_is} = hole). Paint it {hole_is}, or use --hole-is {other}.")
    if mask.all():
        raise InlayError(
            f"{name}: the whole picture is hole, nothing is left to fill it from. Leave a part unmasked; of a mask the "
            "colors count, not what is transparent."
        )
    ratio = float(mask.mean())
    if ratio > USUAL_HOLE[1] and (doubt := polarity_doubt(ratio, hole_is)):  # small holes are the usual ones here
        doubts.append(f"{name}: {doubt}")
    return Hole(mask, doubts, remark)


def _resized(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """At another size; what is made smaller loses no line, however thin."""
    rows, columns = min(height, mask.shape[0]), min(width, mask.shape[1])
    if (rows, columns) != mask.shape:
        share = cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        mask = np.asarray(share > _TRACE)
    return resize_mask(mask, height, width)


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Which axes are height and width: the last two, or those before a channel at the end."""
    last = len(shape)
    return (last - 3, last - 2) if last == 3 and shape[-1] == 1 != shape[0] else (last - 2, last - 1)


def _binary(array: NDArray[Any]) -> NDArray[np.bool_]:
    if array.dtype == np.bool_:
        return array
    if not np.issubdtype(array.dtype, np.floating) and array.max(initial=0) > 1:
        return np.asarray(array >= 128)
    return np.asarray(array >= 0.5)
