"""How an answer meets the known pixels around a hole. Whatever is done here is done because it was asked for."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.images import Picture
from inlay.images.picture import bands
from inlay.pipeline.canvas import cut
from inlay.pipeline.windows import Window, box_of, boxes_of

_EXACT = 256
"""Up to so many pixels a side the equation is solved on the picture's own grid, beyond on one of so many cells: seams
of color are smooth."""


def enlarged(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """A ``(H, W)`` mask and all that is at most so many pixels away from it."""
    if pixels == 0 or not mask.any():
        return mask
    grown = mask.copy()
    for box in boxes_of(mask, _EXACT):
        around = box.grown(pixels, mask.shape).slices
        for rows, away in distances(mask[around], pixels):
            grown[around][rows] |= away <= pixels
    return grown


def distances(
    mask: NDArray[np.bool_], pixels: int, kind: int = cv2.DIST_MASK_PRECISE
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """How far each pixel of ``(H, W)`` is from a mask, in pixels, some rows at a time; 0 inside.

    Args:
        mask: what lies beyond ``pixels`` rows is not looked for: distances that are larger may be too large.
        pixels: the largest distance that matters.
        kind: of OpenCV's distances.
    """
    for rows in bands(*mask.shape):
        top = max(0, rows.start - pixels)
        outside = (~mask[top : rows.stop + pixels]).view(np.uint8)
        away = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, kind), np.float32)
        yield rows, away[rows.start - top : rows.stop - top]


_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


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
    edges = asked ^ cv2.erode(asked.view(np.uint8), _CROSS).view(np.bool_)
    for here in (box.slices for box in boxes_of(asked, _EXACT)):
        new, inside = painted.pixels[here][..., :colors], asked[here]
        shift = harmonic(*cells(given.pixels[here][..., :colors], new, edges[here]))
        for part in _parts(inside):
            shifted = new[part.slices] + cut(shift, Window(0, 0, *inside.shape), part, "bilinear")
            where = inside[part.slices]
            new[part.slices][where] = np.rint(shifted.clip(0, given.peak))[where]


def cells(
    old: NDArray[np.integer[Any]], new: NDArray[np.integer[Any]], edge: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The mean of ``old - new`` at the edge pixels of each cell of a grid of at most :data:`_EXACT` cells a side.

    Args:
        old: ``(H, W, C)``.
        new: likewise.
        edge: ``(H, W)``.

    Returns:
        ``(h, w, C)``, and ``(h, w)`` whether a cell has any. Up to that size a cell is a pixel.
    """
    height, width = edge.shape
    scale = min(1.0, _EXACT / max(height, width))
    size = down, across = max(1, round(height * scale)), max(1, round(width * scale))
    count, total = np.zeros(down * across), np.zeros((down * across, old.shape[2]))
    for band in bands(height, width):
        rows, columns = np.nonzero(edge[band])
        cell = (rows + band.start) * down // height * across + columns * across // width
        count += np.bincount(cell, minlength=count.size)
        for channel, sums in enumerate(total.T):
            difference = old[band][rows, columns, channel].astype(np.float64) - new[band][rows, columns, channel]
            sums += np.bincount(cell, difference, minlength=count.size)
    return (total / np.maximum(count, 1)[:, None]).reshape(*size, -1), (count > 0).reshape(size)


def _parts(mask: NDArray[np.bool_]) -> Iterator[Window]:
    """Of a mask that is large, windows that hold all of it."""
    for rows in bands(*mask.shape):
        if mask[rows].any():
            top, *others = box_of(mask[rows])
            yield Window(rows.start + top, *others)


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
        for rows, away in distances(region[here], pixels + 1):
            weight = np.clip(1 - away / (pixels + 1), 0, 1)[..., None]
            old, part = given.pixels[here][rows], painted.pixels[here][rows]
            mixed = np.rint(old + weight * (part.astype(np.float32) - old)).astype(part.dtype)
            part[...] = np.where(region[here][rows][..., None], part, np.where(weight > 0, mixed, old))


def harmonic(values: NDArray[np.floating[Any]], fixed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The smoothest continuation: every other pixel is the mean of its neighbors, and nothing flows over the border.

    Args:
        values: ``(H, W, C)``.
        fixed: ``(H, W)``, where values are given; at least one pixel.
    """
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
