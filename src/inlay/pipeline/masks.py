"""Masks of any form: a file, a PIL image, an array, a tensor."""

import os
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import InlayError
from inlay.images import (
    USUAL_HOLE,
    MaskPolarity,
    Picture,
    from_array,
    from_pil,
    is_unturned,
    mask_of,
    photograph_warning,
    polarity_warning,
    read_pixels,
    resize_mask,
    upright,
)
from inlay.pipeline.conversions import to_array

_TRACE = 1e-4  # share of a pixel; less is rounding


class Hole(NamedTuple):
    """A hole found by a region."""

    mask: NDArray[np.bool_]
    """``(H, W)``, True = hole."""
    warnings: list[str]
    """What is odd about it, one sentence each."""
    note: str = ""
    """What was done to it; nothing to worry about."""


def to_mask(
    mask: Any,
    size: tuple[int, int],
    mask_polarity: MaskPolarity = "white",
    threshold: float | None = None,
    turned: int = 1,
    frame: int | None = None,
) -> Hole:
    """Convert a mask of any form.

    Args:
        mask: a path or a :class:`PIL.Image.Image`, white = hole, which is resized; or an array or a tensor of the
            picture's size with one number per pixel: bool, True = hole; 0 and 1, 0 to 255, 0 to 65535, or a float from
            0 to 1, hole from the middle on.
        size: height and width of the picture.
        mask_polarity: ``black`` for masks with inverted colors, in every form.
        threshold: share of full white from which a pixel is white; None for one half, and to refuse photographs.
        turned: EXIF orientation that was undone to turn the picture upright.
        frame: page of a file that has several.

    Raises:
        InlayError: it has none of these forms, is a photograph, has no hole, or is nothing but hole.
    """
    name = "mask"
    if isinstance(mask, str | os.PathLike):
        name, picture = os.fspath(mask), read_pixels(mask, frame=frame)
        if threshold is None:
            _check_white(picture, name)
    elif isinstance(mask, Image.Image):
        picture = from_array(np.asarray(mask), name) if mask.mode in ("F", "I") else from_pil(mask)
    else:
        picture = from_array(_flat(mask, size, turned), name)
    if threshold is None and (doubt := photograph_warning(picture)):
        raise InlayError(f"{name}: {doubt} Name the mask; or cut it at a share of full white, with threshold=0.5.")
    hole = fit_mask(mask_of(picture, mask_polarity, threshold or 0.5), size, name, mask_polarity, turned)
    return hole._replace(warnings=[f"{name}: {picture.damage}.", *hole.warnings]) if picture.damage else hole


def fit_mask(
    mask: NDArray[np.bool_], size: tuple[int, int], name: str, mask_polarity: MaskPolarity = "white", turned: int = 1
) -> Hole:
    """Resize a ``(h, w)`` mask to its picture as :func:`match_size` does, and check that there is something to fill.

    Raises:
        InlayError: it has no hole, or is nothing but hole; the message has ``name`` and the color of the hole.
    """
    hole = match_size(mask, size, name, turned)
    if not hole.mask.any():
        other = "black" if mask_polarity == "white" else "white"
        raise InlayError(
            f"{name}: no hole ({mask_polarity} = hole). Paint it {mask_polarity}, or use mask_polarity={other}."
        )
    if hole.mask.all():
        raise InlayError(
            f"{name}: the whole picture is hole, nothing is left to fill it from. Leave a part unmasked; of a mask the "
            "colors count, not what is transparent."
        )
    ratio = float(hole.mask.mean())
    if ratio > USUAL_HOLE[1] and (doubt := polarity_warning(ratio, mask_polarity)):  # small holes are usual here
        hole.warnings.append(f"{name}: {doubt}")
    return hole


def match_size(mask: NDArray[np.bool_], size: tuple[int, int], name: str, turned: int = 1) -> Hole:
    """Resize a mask to its picture, and turn one that was made before the picture was turned upright.

    ``turned`` is the EXIF orientation that was undone.
    """
    warnings, note = [], ""
    if is_unturned(mask.shape, size, turned):
        mask = np.ascontiguousarray(upright(mask, turned))
        warnings.append(f"{name}: has the picture's size before its EXIF orientation was applied: turned as well.")
    (height, width), (mask_height, mask_width) = size, mask.shape
    if mask.shape != size:
        note = f"The mask is {mask_width}x{mask_height}; resized to the picture's {width}x{height}."
        if abs(mask_width / mask_height * height / width - 1) > 0.01:
            warnings.append(f"{name}: mask and picture differ in aspect ratio: it was stretched. Is it the right one?")
        rows, columns = min(height, mask_height), min(width, mask_width)
        if (rows, columns) != mask.shape:  # made smaller, it loses no line, however thin
            share = cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
            mask = np.asarray(share > _TRACE)
        mask = resize_mask(mask, height, width)
    return Hole(mask, warnings, note)


def check_threshold(threshold: float | None) -> None:
    """Refuse a threshold that is not between 0 and 1."""
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InlayError(f"threshold must lie between 0 and 1, a share of full white; got {threshold}.")


def _check_white(picture: Picture, name: str) -> None:
    brightest = int(picture.pixels[..., :3].max()) if picture.pixels.shape[2] > 2 else int(picture.pixels[..., 0].max())
    if 0 < brightest < picture.peak / 2:
        raise InlayError(
            f"{name}: its brightest value is {brightest} of {picture.peak}, so nothing is white. "
            f"Multiply it by {picture.peak // brightest}, or use threshold={brightest / picture.peak / 2:.2g}."
        )


def _flat(mask: Any, size: tuple[int, int], turned: int) -> NDArray[Any]:
    """An array or a tensor as ``(H, W)``."""
    array = to_array(mask) if isinstance(mask, torch.Tensor) else mask
    if not isinstance(array, np.ndarray):
        raise InlayError(f"mask must be a path, a PIL image, an array or a tensor, got {type(mask).__name__}.")
    # Height and width are the last two axes, or those before a single channel; all others must be 1.
    first = 0 if array.ndim == 3 and array.shape[2] == 1 != array.shape[0] else array.ndim - 2
    shape = tuple(side for axis, side in enumerate(array.shape) if side > 1 or axis in (first, first + 1))
    if len(shape) != 2 or 0 in shape:
        raise InlayError(f"mask must have one number per pixel, (H, W), got {tuple(array.shape)}.")
    if shape != size and not is_unturned(shape, size, turned):
        raise InlayError(f"mask is {shape[0]}x{shape[1]} (H, W), but image {size[0]}x{size[1]}. Give one of its size.")
    return array.reshape(shape)
