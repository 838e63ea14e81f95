"""Conversion between a picture and its forms in Python: PIL images, arrays, tensors."""

import logging
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import InlayError
from inlay.images import Picture, from_pil, read_pages, read_picture

log = logging.getLogger(__name__)

Restore = Callable[[Picture], Any]
"""Converts a filled picture back to the form of the given one."""


def to_picture(image: Any) -> tuple[Picture, Restore]:
    """Convert an image to a picture, and give the function that converts a filled one back.

    Args:
        image: a path or a :class:`PIL.Image.Image`, both of which are restored as the latter; an array ``(H, W)`` or
            ``(H, W, C)``; or a tensor ``(C, H, W)``. C is 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA); values are
            uint8, uint16, or floats from 0 to 1, of which those that are not filled keep their bits.
    """
    if isinstance(image, str | os.PathLike):
        return _of_file(read_picture(image), image)
    if isinstance(image, Image.Image):
        return from_pil(image), Picture.to_pil
    if isinstance(image, np.ndarray):
        return _of_array(image)
    if isinstance(image, torch.Tensor):
        if image.ndim != 3:
            given = tuple(image.shape)
            raise InlayError(f"image: a tensor must be (C, H, W), or (B, C, H, W) for several, got {given}.")
        picture, restore = _of_array(to_array(image).transpose(1, 2, 0))
        return picture, lambda filled: torch.from_numpy(restore(filled)).permute(2, 0, 1).to(image)
    raise InlayError(f"image must be a path, a PIL image, an array or a tensor, got {type(image).__name__}.")


def to_pages(image: Any, frame: int | None = None) -> list[tuple[Picture, Restore]]:
    """Convert an image to its pages: all pages of a TIFF given by its path, else one picture.

    Args:
        image: as for :func:`to_picture`.
        frame: page of a TIFF or frame of an animation, counted from 1; of files only.
    """
    if isinstance(image, str | os.PathLike):
        return [_of_file(page, image) for page in read_pages(image, frame=frame)]
    if frame is not None:
        raise InlayError("frame: is for the path of a file with several pages or frames. Leave it out.")
    return [to_picture(image)]


def _of_file(picture: Picture, path: str | os.PathLike[str]) -> tuple[Picture, Restore]:
    if picture.damage:
        log.warning("%s: %s. Look at it.", os.fspath(path), picture.damage)
    Picture(picture.pixels[:1, :1]).to_pil()  # of 16-bit colors, Pillow has none: say so before the work
    return picture, Picture.to_pil


def _of_array(image: NDArray[Any]) -> tuple[Picture, Restore]:
    layers = image[..., None] if image.ndim == 2 else image
    if layers.ndim != 3 or not 1 <= layers.shape[2] <= 4 or 0 in layers.shape:
        raise InlayError(f"image: an array must be (H, W) or (H, W, C) with 1 to 4 channels, got {image.shape}.")
    given = Picture(_to_integers(layers))

    def restore(filled: Picture) -> NDArray[Any]:
        if filled.pixels.dtype == image.dtype:
            return filled.pixels.reshape(image.shape)
        new = (filled.pixels / filled.peak).astype(image.dtype)
        return np.where(filled.pixels != given.pixels, new, layers).reshape(image.shape)

    return given, restore


def to_array(tensor: torch.Tensor) -> NDArray[Any]:
    """Convert a tensor to an array; NumPy has no bfloat16."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _to_integers(array: NDArray[Any]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Values as a file holds them; floats become 16 bits."""
    if array.dtype in (np.uint8, np.uint16):
        return np.asarray(array, array.dtype, order="C")
    if not np.issubdtype(array.dtype, np.floating):
        raise InlayError(f"image must be uint8, uint16 or floats from 0 to 1, got {array.dtype}.")
    array = np.nan_to_num(np.asarray(array, np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)  # a hole may have NaN
    low, high = float(array.min()), float(array.max())
    if not 0 <= low <= high <= 1:
        raise InlayError(f"image: floats must be from 0 to 1, got {low:g} to {high:g}. Divide by 255?")
    return np.asarray(np.rint(array * 65535), np.uint16)
