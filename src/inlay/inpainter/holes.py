"""The hole of a picture, from whatever it is given as."""

import os
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import InlayError
from inlay.images import HoleIs, from_pil, mask_of, polarity_doubt, read_mask, resize_mask


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
    return fitted(read_mask(path, hole_is), size, os.fspath(path), hole_is)


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
    array = mask.detach().cpu().numpy() if isinstance(mask, torch.Tensor) else mask
    if not isinstance(array, np.ndarray):
        raise InlayError(f"mask must be a path, a PIL image, an array or a tensor, got {type(mask).__name__}.")
    shape = tuple(side for place, side in enumerate(array.shape) if side > 1 or place in _sides(array.shape))
    if len(shape) != 2:
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
        mask = resize_mask(mask, height, width)
    if not mask.any():
        other = "black" if hole_is == "white" else "white"
        raise InlayError(f"{name}: no hole ({hole_is} = hole). Paint it {hole_is}, or use --hole-is {other}.")
    if mask.all():
        raise InlayError(f"{name}: the whole picture is hole, nothing is left to fill it from. Leave a part unmasked.")
    if doubt := polarity_doubt(float(mask.mean()), hole_is):
        doubts.append(f"{name}: {doubt}")
    return Hole(mask, doubts, remark)


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
