"""Mathematics of composing: distances from a mask, fades, and Poisson blending."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.images import Picture
from inlay.images.picture import bands
from inlay.pipeline.canvas import cut
from inlay.pipeline.windows import Window, box_of, boxes_of

# Longest side of a hole for which Poisson's equation is solved pixel by pixel; a larger one gets a grid of this size.
# The correction is smooth between the edges, so a coarse solution, interpolated, is within a gray level of the exact
# one, while the cost of the sparse solver grows faster than the number of unknowns.
_EXACT = 256
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def dilate(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Grow a ``(H, W)`` mask by every pixel that is at most ``pixels`` away from it."""
    if pixels == 0 or not mask.any():
        return mask
    grown = mask.copy()
    # Around each part alone: a distance transform of all of a large picture takes longer than the network.
    for box in boxes_of(mask, _EXACT):
        around = box.grown(pixels, mask.shape).slices
        for rows, away in distances(mask[around], pixels):
            grown[around][rows] |= away <= pixels
    return grown


def distances(
    mask: NDArray[np.bool_], pixels: int, kind: int = cv2.DIST_MASK_PRECISE
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Distance of each pixel to a ``(H, W)`` mask in pixels, 0 inside of it: rows and their distances, band by band.

    Distances beyond ``pixels`` may come out too large. ``kind`` is the mask size of OpenCV's distance transform.
    """
    # In bands, as float32 of a whole large picture would take four times its memory.
    for rows in bands(*mask.shape):
        top = max(0, rows.start - pixels)  # the nearest pixel of the mask may lie in a neighboring band
        outside = (~mask[top : rows.stop + pixels]).view(np.uint8)
        away = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, kind), np.float32)
        yield rows, away[rows.start - top : rows.stop - top]


def feather(
    predicted: Picture, picture: Picture, mask: NDArray[np.bool_], replaced: NDArray[np.bool_], pixels: int
) -> None:
    """Fade a prediction into the picture: all of it where ``replaced`` is, nothing of it beyond ``pixels`` from there.

    ``predicted`` is changed in place; ``mask`` is ``replaced`` dilated, both ``(H, W)``.
    """
    for here in (box.slices for box in boxes_of(mask, _EXACT)):
        # Up to pixels + 1: the weight of the first pixel beyond the fade is exactly 0, and that pixel stays as it is.
        for rows, away in distances(replaced[here], pixels + 1):
            weight = np.clip(1 - away / (pixels + 1), 0, 1)[..., None]
            old, new = picture.pixels[here][rows], predicted.pixels[here][rows]
            mixed = np.rint(old + weight * (new.astype(np.float32) - old)).astype(new.dtype)
            # Selected, not multiplied by 1 or 0: what is kept keeps its bits.
            new[...] = np.where(replaced[here][rows][..., None], new, np.where(weight > 0, mixed, old))


def poisson_blend(predicted: Picture, picture: Picture, mask: NDArray[np.bool_]) -> None:
    """Gradient-domain blending (Pérez, Gangnet and Blake 2003): gradients of a prediction, colors from around it.

    Instead of solving for the colors, the difference of colors at the edge is continued into the hole by a harmonic
    function and added to the prediction. Both have the same solution; the difference is smooth and can be solved on a
    coarse grid, which the prediction's details cannot.

    ``predicted`` is changed in place; ``mask`` is ``(H, W)``, the hole and at least one known pixel around it.
    """
    colors = 1 if predicted.pixels.shape[2] < 3 else 3  # alpha is no color
    # The outermost pixels of the mask: both the prediction and the picture are known there.
    edges = mask ^ cv2.erode(mask.view(np.uint8), _CROSS).view(np.bool_)
    for here in (box.slices for box in boxes_of(mask, _EXACT)):
        new, inside = predicted.pixels[here][..., :colors], mask[here]
        shift = harmonic(*edge_cells(picture.pixels[here][..., :colors], new, edges[here]))
        for rows in bands(*inside.shape):
            if not inside[rows].any():
                continue
            top, *others = box_of(inside[rows])
            part = Window(rows.start + top, *others)
            # Bilinear: bicubic would overshoot the colors of the edge.
            shifted = new[part.slices] + cut(shift, Window(0, 0, *inside.shape), part, "bilinear")
            where = inside[part.slices]
            new[part.slices][where] = np.rint(shifted.clip(0, picture.peak))[where]


def edge_cells(
    old: NDArray[np.integer[Any]], new: NDArray[np.integer[Any]], edge: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean of ``old - new``, ``(H, W, C)``, over the edge pixels of each cell of a grid of at most 256 cells a side.

    Returns:
        The means, ``(h, w, C)``, and ``(h, w)`` whether a cell has edge pixels. Up to that size a cell is a pixel.
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


def harmonic(values: NDArray[np.floating[Any]], fixed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Solve Laplace's equation: each free pixel is the mean of its neighbors; one at least is fixed."""
    from scipy.sparse import coo_array  # half a second of imports that other composers do without
    from scipy.sparse.linalg import splu

    number = np.arange(fixed.size).reshape(fixed.shape)
    down = np.stack([number[:-1].ravel(), number[1:].ravel()])
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()])
    pairs = np.concatenate([down, across, down[::-1], across[::-1]], axis=1)  # (2, N): each neighbor of each pixel
    pairs = pairs[:, ~fixed.ravel()[pairs[0]]]
    # A pixel at the border has fewer neighbors, and nothing flows over the border (Neumann). A fixed one has its value.
    degree = np.bincount(pairs[0], minlength=fixed.size) + fixed.ravel()
    rows, columns = (np.concatenate([number.ravel(), each]) for each in pairs)
    weights = np.concatenate([degree.astype(np.float64), -np.ones(pairs.shape[1])])
    matrix = coo_array((weights, (rows, columns)), shape=(fixed.size, fixed.size)).tocsc()
    right = np.where(fixed[..., None], values, 0).reshape(fixed.size, -1).astype(np.float64)
    return np.asarray(splu(matrix).solve(right), np.float32).reshape(values.shape)
