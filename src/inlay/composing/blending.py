"""How an answer meets the known pixels around a hole. Whatever is done here is done because it was asked for."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.composing.windows import boxes_of
from inlay.images import Picture

_EXACT = 256
"""Up to so many pixels a side the equation is solved on the picture's own grid: seams of color are smooth beyond."""


def enlarged(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """A ``(H, W)`` mask and all that is at most so many pixels away from it."""
    if pixels == 0 or not mask.any():
        return mask
    grown = mask.copy()
    for box in boxes_of(mask, _EXACT):
        around = box.grown(pixels, mask.shape).slices
        grown[around] |= distance(mask[around]) <= pixels
    return grown


def distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far each pixel of ``(H, W)`` is from a mask, which must not be empty, in pixels; 0 inside."""
    outside = (~mask).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def level(painted: Picture, given: Picture, asked: NDArray[np.bool_]) -> None:
    """Gradient-domain blending (Pérez, Gangnet and Blake 2003): keep an answer's gradients, take colors from around.

    What is added to the answer is the harmonic function that carries the outermost pixels of ``asked``, where both
    the answer and the picture have something to say, to the picture's colors.

    Args:
        painted: with the answer in ``asked``; changed in place.
        given: as it was.
        asked: ``(H, W)``, the hole and at least one pixel around it.
    """
    colors = 1 if painted.pixels.shape[2] < 3 else 3  # alpha is no color
    edges = asked & ~cv2.erode(asked.astype(np.uint8), _CROSS).astype(np.bool_)
    for here in (box.slices for box in boxes_of(asked, _EXACT)):
        part, edge = painted.pixels[here][..., :colors], edges[here]
        old, new = given.pixels[here][..., :colors].astype(np.float32), part.astype(np.float32)
        leveled = new + harmonic(np.where(edge[..., None], old - new, 0), edge)
        part[asked[here]] = np.rint(leveled.clip(0, given.peak)).astype(part.dtype)[asked[here]]


def fade(painted: Picture, given: Picture, asked: NDArray[np.bool_], region: NDArray[np.bool_], pixels: int) -> None:
    """Let an answer fade into the picture: all of it in a region, nothing of it more than ``pixels`` away.

    Args:
        painted: with the answer in ``asked``; changed in place.
        given: as it was.
        asked: ``(H, W)``, the region enlarged.
        region: ``(H, W)``.
        pixels: 0 for a hard edge.
    """
    for here in (box.slices for box in boxes_of(asked, _EXACT)):
        weight = np.clip(1 - distance(region[here]) / (pixels + 1), 0, 1)[..., None]
        old, part = given.pixels[here], painted.pixels[here]
        mixed = np.rint(old + weight * (part.astype(np.float32) - old)).astype(part.dtype)
        part[...] = np.where(region[here][..., None], part, np.where(weight > 0, mixed, old))


def harmonic(values: NDArray[np.floating[Any]], fixed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The smoothest continuation: every other pixel is the mean of its neighbors, and nothing flows over the border.

    Beyond :data:`_EXACT` pixels a side it is found on a coarser grid and interpolated.

    Args:
        values: ``(H, W, C)``.
        fixed: ``(H, W)``, where values are given; at least one pixel.
    """
    height, width = fixed.shape
    scale = _EXACT / max(height, width)
    if scale >= 1:
        return _solved(values, fixed)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    share = cv2.resize(fixed.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    shrunk = cv2.resize(np.where(fixed[..., None], values, 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    coarse = _solved(shrunk.reshape(*share.shape, -1) / np.maximum(share, 1e-6)[..., None], share > 1e-6)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine, np.float32).reshape(values.shape)


_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def _solved(values: NDArray[np.floating[Any]], fixed: NDArray[np.bool_]) -> NDArray[np.float32]:
    from scipy.sparse import coo_array  # half a second of imports that other blends do without
    from scipy.sparse.linalg import splu

    number = np.arange(fixed.size).reshape(fixed.shape)
    pairs = np.concatenate(
        [
            np.stack([number[:-1].ravel(), number[1:].ravel()]),
            np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
        ],
        axis=1,
    )
    pairs = np.concatenate([pairs, pairs[::-1]], axis=1)  # each neighbor of each pixel
    pairs = pairs[:, ~fixed.ravel()[pairs[0]]]
    degree = np.bincount(pairs[0], minlength=fixed.size) + fixed.ravel()  # fixed pixels stand for themselves
    rows = np.concatenate([number.ravel(), pairs[0]])
    columns = np.concatenate([number.ravel(), pairs[1]])
    weights = np.concatenate([degree.astype(np.float64), -np.ones(pairs.shape[1])])
    matrix = coo_array((weights, (rows, columns)), shape=(fixed.size, fixed.size)).tocsc()
    right = np.where(fixed[..., None], values, 0).reshape(fixed.size, -1).astype(np.float64)
    return np.asarray(splu(matrix).solve(right), np.float32).reshape(values.shape)
