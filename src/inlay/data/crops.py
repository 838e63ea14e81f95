"""Which square of a picture a sample shows; picture and mask are cut by the same one."""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""``(left, top, right, bottom)`` as shares of the picture's width and height."""

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


class CropBox(NamedTuple):
    """A square of a picture, in its pixels."""

    left: int
    top: int
    side: int
    height: int
    """Of the whole picture."""
    width: int
    """Of the whole picture."""

    def cut(self, pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """What the square shows of ``(height, width, 3)`` pixels, as ``(size, size, 3)``.

        Made smaller by averaging over areas, larger by interpolation.
        """
        part = pixels[self.top : self.top + self.side, self.left : self.left + self.side]
        if self.side == size:
            return np.ascontiguousarray(part)
        how = cv2.INTER_AREA if self.side > size else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(part, (size, size), interpolation=how), np.uint8)

    def cut_mask(self, mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
        """Cut a mask of the whole picture, of any resolution, to ``(size, size)`` with nearest neighbor."""
        middles = (np.arange(size) + 0.5) * (self.side / size)  # of the sample's pixels, in the picture's
        rows = ((self.top + middles) * (mask.shape[0] / self.height)).astype(np.intp)
        columns = ((self.left + middles) * (mask.shape[1] / self.width)).astype(np.intp)
        return np.asarray(mask[rows].take(columns, axis=1), np.bool_)


def random_crop(size: tuple[int, int], window: Box, scale: tuple[float, float], rng: np.random.Generator) -> CropBox:
    """A square of random size and place within a window of a picture; takes three draws.

    Its area is a share of the window's, uniform in ``scale``; one that would be larger becomes as large as it can.
    """
    area, across, down = rng.random(3)
    return _square(size, window, scale[0] + (scale[1] - scale[0]) * area, across, down)


def center_crop(size: tuple[int, int], window: Box) -> CropBox:
    """The largest square in the middle of a window."""
    return _square(size, window, 1.0, 0.5, 0.5)


def window_around(box: Box, size: tuple[int, int], scale: float) -> Box:
    """A square window around a box, ``scale`` times its longer side, clipped to the picture; an empty box gives all."""
    height, width = size
    left, top, right, bottom = box
    half = scale / 2 * max((right - left) * width, (bottom - top) * height)
    x, y = (left + right) / 2, (top + bottom) / 2
    across, down = half / width, half / height
    window = max(0.0, x - across), max(0.0, y - down), min(1.0, x + across), min(1.0, y + down)
    return window if left < right and top < bottom else WHOLE


def shrink(pixels: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """The whole picture with its short side at ``short_side`` pixels, averaged over areas; a smaller one as it is."""
    height, width = pixels.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return pixels
    size = round(width * scale), round(height * scale)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def hflip(pixels: NDArray[Any]) -> NDArray[Any]:
    """Exchange left and right of ``(H, W)`` or ``(H, W, C)`` uint8 or bool."""
    return np.asarray(cv2.flip(pixels.view(np.uint8), 1)).view(pixels.dtype)  # OpenCV, as NumPy takes ten times as long


def _square(size: tuple[int, int], window: Box, area: float, across: float, down: float) -> CropBox:
    """A square of a share of a window's area, at a place within it that two shares give."""
    height, width = size
    left, right = min(round(window[0] * width), width - 1), round(window[2] * width)
    top, bottom = min(round(window[1] * height), height - 1), round(window[3] * height)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    largest = min(right - left, bottom - top)
    side = max(1, min(largest, round(math.sqrt(area * (right - left) * (bottom - top)))))
    return CropBox(
        left + round(across * (right - left - side)), top + round(down * (bottom - top - side)), side, height, width
    )
