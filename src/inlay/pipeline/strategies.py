"""Strategies: which windows of a picture a filler is shown, and at which size.

A strategy paints the predictions on the canvas. It returns the boxes that it filled from a smaller copy: their rims are
then filled again at full size (:func:`rim`), so that no blurred pixel lies beside a sharp one.
"""

from collections.abc import Callable
from math import sqrt
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.pipeline.blending import distances
from inlay.pipeline.canvas import Canvas, Predict, cut
from inlay.pipeline.windows import Window, box_of, boxes_of, grid

Strategy = Literal["auto", "whole", "crop", "tile", "resize"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

# Windows of up to this many times the training size are shown at full size: a fully convolutional network does well
# there, and a smaller copy would lose detail.
_STRETCH = 1.5
_LONG = 3  # longest side of such a window in training sizes: beyond, receptive fields end, and memory does, too
# A filler without a training size is a classical one: slow, and it looks at what is near the hole alone.
_SMALL = 4_000_000  # largest number of pixels that it is shown at full size
_BORDER = 64  # pixels around a hole that it is shown
_SQUARE = 256  # side of its tiles
_LEAST_KNOWN = 1 / 8  # share of a tile; with less, there is too little to fill it from


def choose(hole: NDArray[np.bool_], side: int | None) -> Strategy:
    """Choose a strategy for a hole.

    ``whole`` where the picture is hardly larger than the training crops; ``crop`` where each hole fits into a window at
    full size with something around it; ``tile`` where every tile has enough known pixels (long scratches); else
    ``resize``.

    Args:
        hole: ``(H, W)``.
        side: of the filler's training crops; None where it has no training size.
    """
    if _scale(Window(0, 0, *hole.shape), side) == 1:
        return "whole"
    windows = [window for _, window in _windows(hole, side)]
    # Many windows that overlap would be more work than tiles.
    if all(_scale(window, side) == 1 for window in windows) and sum(map(_area, windows)) <= 2 * hole.size:
        return "crop"
    square = side or _SQUARE
    tiles = (window for row in grid(hole.shape, square, square // 4) for window in row)
    # Twice what a tile needs at least: content that comes from a corner alone is worse than that of a small copy.
    return "tile" if all(_share(hole, tile) <= 1 - 2 * _LEAST_KNOWN for tile in tiles) else "resize"


def crop(canvas: Canvas, predict: Predict, side: int | None) -> list[Window]:
    """Show a window around each hole, at full size where that is near the training size, else a smaller copy."""
    windows = _windows(canvas.hole, side)
    crops = (canvas.crop(window, _scale(window, side)) for _, window in windows)
    for (box, window), rgb in zip(windows, predict(crops), strict=True):
        canvas.paint_hole(window, rgb, box)
    return [box for box, window in windows if _scale(window, side) < 1]


def tile(canvas: Canvas, predict: Predict, side: int | None) -> list[Window]:
    """Show overlapping tiles; where they overlap, their predictions fade into each other.

    A tile without enough known pixels is shown with what is around it, as a smaller copy.
    """
    side = side or _SQUARE
    height, width = canvas.hole.shape
    rows = list(grid((height, width), side, side // 4))
    # Beside the picture itself, memory holds one row of tiles, and the predictions of the row above that reach into it.
    band = _Band(min(side, height), width)
    seen: dict[Window, NDArray[np.float32]] = {}
    for row, below in zip(rows, [*rows[1:], []], strict=True):
        tiles = [window for window in row if canvas.hole[window.slices].any()]
        looks = {window: _enough(canvas.hole, window) for window in tiles}
        # In the middle of a large hole many tiles look at one wider window: it is predicted once.
        new = [look for look in dict.fromkeys(looks.values()) if look not in seen]
        seen |= zip(new, predict(canvas.crop(look, _small(look, side)) for look in new), strict=True)
        for window, look in looks.items():
            band.add(window, cut(seen[look], look, window))
        seen = {look: seen[look] for window, look in looks.items() if look != window}
        # Rows above the next row of tiles are complete; they are painted, and the rest of the band moves up.
        done = below[0].top - row[0].top if below else height - row[0].top
        colors, found = band.take(done)
        part = Window(row[0].top, 0, done, width)
        canvas.paint(part, colors, canvas.hole[part.slices] & found)
    return []


def resize(canvas: Canvas, predict: Predict, side: int | None) -> list[Window]:
    """Show a small copy of all of the picture."""
    window = canvas.whole
    scale = _small(window, side)
    (rgb,) = predict([canvas.crop(window, scale)])
    canvas.paint_hole(window, rgb, window)
    return [box_of(canvas.hole)] if scale < 1 else []


BY_NAME: dict[Strategy, Callable[[Canvas, Predict, int | None], list[Window]]] = {
    "crop": crop,
    "tile": tile,
    "resize": resize,
}


def rim(canvas: Canvas, side: int | None, box: Window) -> Canvas:
    """A canvas whose hole is the rim of a hole, for a second pass with :func:`tile`.

    The inside, painted from a smaller copy, counts as known there: the rim joins it to the known pixels outside.
    """
    side = side or _SQUARE
    width = side // 8
    around = box.grown(width, canvas.hole.shape)
    wide = box.grown(side, canvas.hole.shape)  # tiles shall see known pixels, too
    hole = np.zeros((wide.height, wide.width), np.bool_)
    ring = hole[around.within(wide).slices]
    ring[...] = canvas.hole[around.slices]
    for rows, inwards in distances(~canvas.hole[around.slices], width, cv2.DIST_MASK_5):  # faster; need not be exact
        ring[rows] &= inwards <= width
    return canvas.inner(wide, hole)


class _Band:
    """Weighted mean of the tiles of a row, with what it shares with the row below."""

    def __init__(self, height: int, width: int) -> None:
        self.colors = np.zeros((height, width, 3), np.float32)
        self.weights = np.zeros((height, width, 1), np.float32)

    def add(self, window: Window, rgb: NDArray[np.float32]) -> None:
        # The weight is a pyramid: where two tiles overlap, one fades out as the other fades in, and no edge of a tile
        # shows. Divided by their sum at last, weights need no scale; the least is 1, so no pixel of a tile is lost.
        columns = slice(window.left, window.left + window.width)
        weight = np.minimum.outer(_ramp(window.height), _ramp(window.width))[..., None]
        self.colors[: window.height, columns] += weight * rgb
        self.weights[: window.height, columns] += weight

    def take(self, rows: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Take the first rows, which are complete: their colors, and where there are any. The rest moves up."""
        weights = self.weights[:rows]
        taken = np.divide(self.colors[:rows], np.maximum(weights, 1), dtype=np.float32)
        found = weights[..., 0] > 0
        for array in (self.colors, self.weights):
            array[:-rows] = array[rows:]  # NumPy copies where they overlap
            array[-rows:] = 0
        return taken, found


def _ramp(length: int) -> NDArray[np.float32]:
    """1, 2, 3, ... to the middle and back."""
    places = np.arange(1, length + 1)
    return np.minimum(places, places[::-1]).astype(np.float32)


def _windows(hole: NDArray[np.bool_], side: int | None) -> list[tuple[Window, Window]]:
    """The box of each part of a hole, and a window around it of at least the training size where that fits."""
    size = hole.shape[0], hole.shape[1]
    windows = []
    for box in boxes_of(hole, side // 2 if side else 0):
        border = max(side // 4, box.short // 2) if side else _BORDER  # a large hole needs more to go by
        windows.append((box, box.grown(border, size).at_least(side or 0, size)))
    return windows


def _scale(window: Window, side: int | None) -> float:
    """The factor at which a crop is shown; 1 where its size is near the training size."""
    if side and window.short <= _STRETCH * side and window.long <= _LONG * side:
        return 1.0
    return _small(window, side)


def _small(window: Window, side: int | None) -> float:
    """The factor at which a window is no larger than the training size, nor too long for memory."""
    if side is None:
        return min(1.0, sqrt(_SMALL / _area(window)))
    return min(1.0, side / window.short, _LONG * side / window.long)


def _area(window: Window) -> int:
    return window.height * window.width


def _enough(hole: NDArray[np.bool_], window: Window) -> Window:
    """Double a window until enough of it is known: a tile of nothing but hole has nothing to be filled from."""
    height, width = hole.shape
    while _share(hole, window) > 1 - _LEAST_KNOWN and window[2:] != (height, width):
        window = window.at_least(2 * max(window.height, window.width), (height, width))
    return window


def _share(hole: NDArray[np.bool_], window: Window) -> float:
    return np.count_nonzero(hole[window.slices]) / _area(window)
