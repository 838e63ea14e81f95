"""Masks are grown, shrunk and cleaned: by round kernels, or until they meet a hole ratio."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError, NoHole
from inlay.masks.ranges import Ratio, Spread


def dilated(mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Grow the hole by half of a kernel, whose width is a share of the short side. 0 changes nothing."""
    return _morphed(mask, share, cv2.MORPH_DILATE)


def opened(mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Remove what is thinner than a kernel of a width that is a share of the short side, and leave the rest."""
    return _morphed(mask, share, cv2.MORPH_OPEN)


def kernel_size(share: float, side: int) -> int:
    """The odd number of pixels that is nearest to a share of a side."""
    # An even kernel has no middle: what it grows, it moves by half a pixel.
    return 2 * round((share * side - 1) / 2) + 1 if share * side > 1 else 1


def _morphed(mask: NDArray[np.bool_], share: float, operation: int) -> NDArray[np.bool_]:
    size = kernel_size(share, min(mask.shape))
    if size == 1:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    morphed: NDArray[Any] = cv2.morphologyEx(mask.astype(np.uint8), operation, kernel)
    return morphed.view(np.bool_)


def hole_pixels(ratio: Ratio, shape: tuple[int, ...]) -> tuple[int, int]:
    """Fewest and most pixels of hole that meet a ratio, both inclusive and at least 1.

    Raises:
        InlayError: no whole number of pixels meets it.
    """
    (low, high), area = ratio, math.prod(shape)
    # 0.07 * 100 is 7.000000000000001: a product may be rounded either way, so that the quotients decide.
    near_low, near_high = round(low * area), round(high * area)
    fewest = near_low if near_low / area >= low else near_low + 1
    most = near_high if near_high / area <= high else near_high - 1
    if fewest > most:
        raise InlayError(
            f"masks.ratio=[{low}, {high}] could not be met on {shape[1]}x{shape[0]} pixels: no whole number of pixels "
            "lies in it. Widen the range or enlarge the picture."
        )
    return fewest, most


def fit(
    mask: NDArray[np.bool_], ratio: Ratio | None, rng: np.random.Generator, spread: Spread = "natural"
) -> NDArray[np.bool_]:
    """Grow or shrink a hole until it meets a ratio, keeping its form as well as that can be.

    Args:
        mask: ``(H, W)``, True = hole.
        ratio: lowest and highest share that is hole; None for any.
        rng: draws the share to aim for; not asked where the mask stays as it is.
        spread: ``natural`` leaves a mask that meets the range as it is, ``uniform`` none.

    Returns:
        ``mask`` itself where it stays as it is, else a new one.

    Raises:
        NoHole: the mask is empty or full, so it has no edge to move.
        InlayError: no whole number of pixels meets the ratio.
    """
    if ratio is None or (spread == "natural" and ratio[0] <= mask.mean() <= ratio[1]):
        return mask
    fewest, most = hole_pixels(ratio, mask.shape)
    return fit_pixels(mask, int(rng.integers(fewest, most + 1)))


def fit_pixels(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Move the edge of a hole evenly, outward or inward, until exactly ``pixels`` pixels are hole.

    The edge moves to a level of the signed Euclidean distance. Of the pixels at the very level the first ones, row by
    row, make up the count.

    Args:
        mask: ``(H, W)``, True = hole.
        pixels: how many, in ``[1, H * W]``.

    Raises:
        NoHole: the mask is empty or full.
    """
    if mask.all() or not mask.any():
        raise NoHole(f"a mask that is {'all' if mask.any() else 'no'} hole has no edge, so it cannot meet masks.ratio.")
    hole = mask.astype(np.uint8)
    outside = cv2.distanceTransform(1 - hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = np.asarray(outside - inside).ravel()  # to the edge, in pixels; negative inside the hole
    level = np.partition(distance, pixels - 1)[pixels - 1]
    fitted: NDArray[np.bool_] = distance < level
    fitted[np.flatnonzero(distance == level)[: pixels - np.count_nonzero(fitted)]] = True
    return fitted.reshape(mask.shape)
