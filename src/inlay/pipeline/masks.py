"""The hole of a picture, from whatever it is given as."""

import os
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import BadFile, InlayError
from inlay.images import (
    USUAL_HOLE,
    MaskPolarity,
    Picture,
    count_frames,
    from_pil,
    is_unturned,
    mask_of,
    of_numbers,
    photograph_doubt,
    polarity_doubt,
    read_pixels,
    resize_mask,
    upright,
)
from inlay.pipeline.conversions import numbers_of

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


def read_hole(
    path: str | os.PathLike[str],
    size: tuple[int, int],
    mask_polarity: MaskPolarity = "white",
    threshold: float | None = None,
    turned: int = 1,
    frame: int | None = None,
) -> Hole:
    """Read a mask file for a picture of ``size``.

    Args:
        path: any picture.
        size: height and width of the picture to be filled.
        mask_polarity: the color of the hole in the file.
        threshold: from which share of full white a pixel is white; None for one half, and to refuse photographs.
        turned: the EXIF orientation that was undone to have the picture upright.
        frame: which page of a file, if it has several.

    Raises:
        InlayError: see :func:`fitted`, and :func:`inlay.images.read_mask`; or the file is a photograph.
    """
    picture = read_pixels(path, frame=frame)
    if threshold is None:
        _check_is_mask(picture, os.fspath(path))
    hole = fitted(mask_of(picture, mask_polarity, threshold or 0.5), size, os.fspath(path), mask_polarity, turned)
    return hole._replace(doubts=[f"{path}: {picture.damage}.", *hole.doubts]) if picture.damage else hole


def frames_of(mask: Any, image: Any, pages: int, frame: int | None = None) -> list[int | None]:
    """Which page of a mask file belongs to each page that is to be filled; None: it has but one.

    Args:
        mask: as for :func:`hole_of`.
        image: what the pages are of, in any form.
        pages: how many.
        frame: the one of the picture's pages that is to be filled; None for all.

    Raises:
        BadFile: it has several, and not as many as the picture.
    """
    if not isinstance(mask, str | os.PathLike) or (masks := count_frames(mask)) == 1:
        return [None] * pages
    whole = count_frames(image) if isinstance(image, str | os.PathLike) else pages
    if masks != whole:
        raise BadFile(mask, f"holds {masks} masks, and the picture has {whole} pages. Give one mask, or {whole}.")
    return [*range(1, pages + 1)] if frame is None else [frame]


def hole_of(
    mask: Any,
    size: tuple[int, int],
    mask_polarity: MaskPolarity = "white",
    threshold: float | None = None,
    turned: int = 1,
    frame: int | None = None,
) -> Hole:
    """The hole that a mask means.

    Args:
        mask: a path or a :class:`PIL.Image.Image`, white = hole, which is resized; or an array or a tensor of the
            picture's size with one number a pixel: bool, True = hole; 0 and 1, 0 to 255, 0 to 65535, or a float from
            0 to 1, hole from the middle on.
        size: height and width of the picture.
        mask_polarity: ``black`` for masks that have it the other way round, in every form.
        threshold: as for :func:`read_hole`.
        turned: the EXIF orientation that was undone to have the picture upright.
        frame: which page of a file, if it has several.

    Raises:
        InlayError: it is none of these; see :func:`fitted`.
    """
    if isinstance(mask, str | os.PathLike):
        return read_hole(mask, size, mask_polarity, threshold, turned, frame)
    if isinstance(mask, Image.Image):
        picture = of_numbers(np.asarray(mask), "mask") if mask.mode in ("F", "I") else from_pil(mask)
        return fitted(_read(picture, mask_polarity, threshold), size, "mask", mask_polarity, turned)
    array = numbers_of(mask) if isinstance(mask, torch.Tensor) else mask
    if not isinstance(array, np.ndarray):
        raise InlayError(f"mask must be a path, a PIL image, an array or a tensor, got {type(mask).__name__}.")
    shape = tuple(side for place, side in enumerate(array.shape) if side > 1 or place in _sides(array.shape))
    if len(shape) != 2 or 0 in shape:
        raise InlayError(f"mask must have one number a pixel, (H, W), got {tuple(array.shape)}.")
    if shape != size and not is_unturned(shape, size, turned):
        raise InlayError(f"mask is {shape[0]}x{shape[1]} (H, W), but image {size[0]}x{size[1]}. Give one of its size.")
    numbers = array.reshape(shape)
    if numbers.dtype == np.bool_:
        return fitted(~numbers if mask_polarity == "black" else numbers, size, "mask", mask_polarity, turned)
    return fitted(_read(of_numbers(numbers, "mask"), mask_polarity, threshold), size, "mask", mask_polarity, turned)


def fitted(
    mask: NDArray[np.bool_], size: tuple[int, int], name: str, mask_polarity: MaskPolarity = "white", turned: int = 1
) -> Hole:
    """A mask at the size of its picture; one that was made before the picture was turned upright is turned likewise.

    Args:
        mask: ``(h, w)``, True = hole.
        size: height and width of the picture.
        name: what messages call it.
        mask_polarity: how it was read.
        turned: the EXIF orientation that was undone to have the picture upright.

    Raises:
        InlayError: it has no hole, or is nothing but hole.
    """
    doubts, remark = [], ""
    if is_unturned(mask.shape, size, turned):
        mask = np.ascontiguousarray(upright(mask, turned))
        doubts.append(f"{name}: has the size of the picture before its EXIF orientation was heeded: turned likewise.")
    (height, width), (mask_height, mask_width) = size, mask.shape
    if mask.shape != size:
        remark = f"The mask is {mask_width}x{mask_height}; resized to the picture's {width}x{height}."
        if abs(mask_width / mask_height * height / width - 1) > 0.01:
            doubts.append(f"{name}: mask and picture differ in aspect ratio: it was stretched. Is it the right one?")
        mask = _resized(mask, height, width)
    if not mask.any():
        other = "black" if mask_polarity == "white" else "white"
        raise InlayError(
            f"{name}: no hole ({mask_polarity} = hole). Paint it {mask_polarity}, or use mask_polarity={other}."
        )
    if mask.all():
        raise InlayError(
            f"{name}: the whole picture is hole, nothing is left to fill it from. Leave a part unmasked; of a mask the "
            "colors count, not what is transparent."
        )
    ratio = float(mask.mean())
    if ratio > USUAL_HOLE[1] and (doubt := polarity_doubt(ratio, mask_polarity)):  # small holes are the usual ones here
        doubts.append(f"{name}: {doubt}")
    return Hole(mask, doubts, remark)


def check_threshold(threshold: float | None) -> None:
    """Refuse a share of full white that every pixel has, or none.

    Raises:
        InlayError: it is not between 0 and 1.
    """
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InlayError(f"threshold must lie between 0 and 1, a share of full white; got {threshold}.")


def _check_is_mask(picture: Picture, name: str) -> None:
    """Refuse what has no white at all, and what is a photograph."""
    brightest = int(picture.pixels[..., :3].max()) if picture.pixels.shape[2] > 2 else int(picture.pixels[..., 0].max())
    if 0 < brightest < picture.peak / 2:
        raise InlayError(
            f"{name}: its brightest value is {brightest} of {picture.peak}, so nothing is white. "
            f"Multiply it by {picture.peak // brightest}, or use threshold={brightest / picture.peak / 2:.2g}."
        )
    _refuse_photograph(picture, name)


def _read(picture: Picture, mask_polarity: MaskPolarity, threshold: float | None) -> NDArray[np.bool_]:
    if threshold is None:
        _refuse_photograph(picture, "mask")
    return mask_of(picture, mask_polarity, threshold or 0.5)


def _refuse_photograph(picture: Picture, name: str) -> None:
    if doubt := photograph_doubt(picture):
        raise InlayError(f"{name}: {doubt} Name the mask; or cut it at a share of full white, with threshold=0.5.")


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
