"""Which parts of a picture a filler is shown, and at which size."""

from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.pipeline.batching import WindowRunner
from inlay.pipeline.blending import distances
from inlay.pipeline.canvas import Canvas, cut
from inlay.pipeline.options import Strategy
from inlay.pipeline.windows import Window, box_of, boxes_of, grid

_STRETCH = 1.5
"""A fully convolutional network does well on pictures so many times as large as its training crops."""
_LONG = 3
"""Times its training crops' side is the longer side of what such a network is shown, at most."""
_SMALL = 4_000_000
"""Pixels of the largest picture that a filler to which every size is alike is shown at full size."""
_BORDER = 64
"""Pixels around a hole that such a filler is shown."""
_SQUARE = 256
"""Side of the tiles that such a filler is shown."""
_LEAST_KNOWN = 1 / 8
"""Of a tile: with less of it known there is too little to fill it from."""


def choose(hole: NDArray[np.bool_], side: int | None) -> Strategy:
    """The strategy for a hole, by what the filler was trained on.

    The whole picture where it is hardly larger than the training crops; windows where each hole fits into one at full
    size with something around it; tiles where every one of them has enough to go by (long scratches); otherwise a
    small picture first.

    Args:
        hole: ``(H, W)``.
        side: of the filler's training crops; None where any size is alike to it.
    """
    if _scale(Window(0, 0, *hole.shape), side) == 1:
        return "whole"
    windows = [_around(box, side, hole.shape) for box in boxes_of(hole, side // 2 if side else 0)]
    if all(_scale(window, side) == 1 for window in windows) and sum(map(_area, windows)) <= 2 * hole.size:
        return "crop"
    square = side or _SQUARE
    tiles = (window for row in grid(hole.shape, square, square // 4) for window in row)
    return "tile" if all(_share(hole, tile) <= 1 - 2 * _LEAST_KNOWN for tile in tiles) else "resize"


def crop(canvas: Canvas, ask: WindowRunner, side: int | None) -> None:
    """Show a window around each hole, at full size as long as that is near the training crops', else made smaller."""
    boxes = boxes_of(canvas.hole, side // 2 if side else 0)
    windows = [_around(box, side, canvas.hole.shape) for box in boxes]
    scales = [_scale(window, side) for window in windows]
    shown = (canvas.see(window, scale) for window, scale in zip(windows, scales, strict=True))
    for box, window, answer in zip(boxes, windows, ask(shown), strict=True):
        canvas.paint_all(window, answer, box)
    for box, scale in zip(boxes, scales, strict=True):
        if scale < 1:
            _refine(canvas, ask, side or _SQUARE, box)


def tile(canvas: Canvas, ask: WindowRunner, side: int | None) -> None:
    """Show overlapping squares; where they overlap, the answers fade into each other.

    A square without enough known pixels is shown with what is around it, made smaller. Beside the picture itself,
    only one row of squares is held at a time, and what the one above it was answered beyond its squares.
    """
    side = side or _SQUARE
    size = height, width = canvas.hole.shape
    rows = list(grid(size, side, side // 4))
    band = _Band(min(side, height), width)
    seen: dict[Window, NDArray[np.float32]] = {}
    for row, below in zip(rows, [*rows[1:], []], strict=True):
        tiles = [window for window in row if canvas.hole[window.slices].any()]
        looks = {window: _enough(canvas.hole, window) for window in tiles}
        new = [look for look in dict.fromkeys(looks.values()) if look not in seen]
        seen |= zip(new, ask(canvas.see(look, _small(look, side)) for look in new), strict=True)
        for window, look in looks.items():
            band.add(window, cut(seen[look], look, window))
        seen = {look: seen[look] for window, look in looks.items() if look != window}
        done = below[0].top - row[0].top if below else height - row[0].top
        colors, found = band.take(done)
        part = Window(row[0].top, 0, done, width)
        canvas.paint(part, colors, canvas.hole[part.slices] & found)


def resize(canvas: Canvas, ask: WindowRunner, side: int | None) -> None:
    """Show all of the picture made small; then the hole's rim again, at full size, between what is known and that."""
    window = canvas.whole
    scale = _small(window, side)
    (answer,) = ask([canvas.see(window, scale)])
    canvas.paint_all(window, answer, window)
    if scale < 1:
        _refine(canvas, ask, side or _SQUARE, box_of(canvas.hole))


BY_NAME: dict[Strategy, Callable[[Canvas, WindowRunner, int | None], None]] = {
    "crop": crop,
    "tile": tile,
    "resize": resize,
}


class _Band:
    """A row of tiles as a weighted mean, and what it shares with the next one."""

    def __init__(self, height: int, width: int) -> None:
        self.colors = np.zeros((height, width, 3), np.float32)
        self.weights = np.zeros((height, width, 1), np.float32)

    def add(self, window: Window, rgb: NDArray[np.float32]) -> None:
        """Add a tile, which weighs most in its middle."""
        columns = slice(window.left, window.left + window.width)
        weight = np.minimum.outer(_ramp(window.height), _ramp(window.width))[..., None]
        self.colors[: window.height, columns] += weight * rgb
        self.weights[: window.height, columns] += weight

    def take(self, rows: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The first rows, to which nothing will be added, and where there are any; the rest moves up."""
        weights = self.weights[:rows]
        taken = np.divide(self.colors[:rows], np.maximum(weights, 1), dtype=np.float32)  # weights begin at 1
        found = weights[..., 0] > 0
        for array in (self.colors, self.weights):
            array[:-rows] = array[rows:]  # to the left of itself: NumPy copies where they overlap
            array[-rows:] = 0
        return taken, found


def _ramp(length: int) -> NDArray[np.float32]:
    """1, 2, 3, ... to the middle and back."""
    places = np.arange(1, length + 1)
    return np.minimum(places, places[::-1]).astype(np.float32)


def _refine(canvas: Canvas, ask: WindowRunner, side: int, box: Window) -> None:
    """Fill the rim of a hole that was painted from a smaller picture, at full size."""
    rim_width = side // 8
    around = box.grown(rim_width, canvas.hole.shape)
    wide = box.grown(side, canvas.hole.shape)
    part = np.zeros((wide.height, wide.width), np.bool_)
    rim = part[around.within(wide).slices]
    rim[...] = canvas.hole[around.slices]
    for rows, inwards in distances(~canvas.hole[around.slices], rim_width, cv2.DIST_MASK_5):
        rim[rows] &= inwards <= rim_width
    seen = replace(canvas.picture, pixels=canvas.picture.pixels[wide.slices])
    tile(Canvas(seen, part), ask, side)


def _around(box: Window, side: int | None, size: tuple[int, ...]) -> Window:
    """A window with a border around a box, no smaller than the training crops where the picture allows it."""
    height, width = size
    border = max(side // 4, box.short // 2) if side else _BORDER  # a large hole needs more to go by
    return box.grown(border, (height, width)).at_least(side or 0, (height, width))


def _scale(window: Window, side: int | None) -> float:
    """At full size as long as that is near the training crops'."""
    if side and window.short <= _STRETCH * side and window.long <= _LONG * side:
        return 1.0
    return _small(window, side)


def _small(window: Window, side: int | None) -> float:
    """How much smaller a window is shown: no wider than the training crops, and not too long for a network's memory."""
    if side is None:
        return min(1.0, sqrt(_SMALL / _area(window)))
    return min(1.0, side / window.short, _LONG * side / window.long)


def _area(window: Window) -> int:
    return window.height * window.width


def _enough(hole: NDArray[np.bool_], window: Window) -> Window:
    """The window, or one around it that is twice as wide, and so on, until enough of it is known."""
    height, width = hole.shape
    while _share(hole, window) > 1 - _LEAST_KNOWN and window[2:] != (height, width):
        window = window.at_least(2 * max(window.height, window.width), (height, width))
    return window


def _share(hole: NDArray[np.bool_], window: Window) -> float:
    return np.count_nonzero(hole[window.slices]) / _area(window)
