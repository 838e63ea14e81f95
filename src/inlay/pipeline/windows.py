"""Rectangles of a picture: boxes of holes, and grids of windows."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_COARSE = 1024  # longest side of the mask on which holes are separated; closer than one of its pixels, they are one
_MOST = 256  # largest number of separate holes; speckles are merged on a coarser mask


class Window(NamedTuple):
    """A rectangle of a picture in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of an array."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def short(self) -> int:
        """The shorter side."""
        return min(self.height, self.width)

    @property
    def long(self) -> int:
        """The longer side."""
        return max(self.height, self.width)

    def within(self, outer: "Window") -> "Window":
        """This rectangle in the coordinates of another."""
        return Window(self.top - outer.top, self.left - outer.left, self.height, self.width)

    def grown(self, border: int, size: tuple[int, int]) -> "Window":
        """Grow by a border, clipped to the picture's ``size``."""
        top, left = max(0, self.top - border), max(0, self.left - border)
        bottom = min(size[0], self.top + self.height + border)
        right = min(size[1], self.left + self.width + border)
        return Window(top, left, bottom - top, right - left)

    def at_least(self, side: int, size: tuple[int, int]) -> "Window":
        """Grow around the center until no side is below ``side``; the picture's ``size`` is the limit."""
        top, height = _stretched(self.top, self.height, side, size[0])
        left, width = _stretched(self.left, self.width, side, size[1])
        return Window(top, left, height, width)

    def joined(self, other: "Window") -> "Window":
        """The smallest rectangle that holds both."""
        top, left = min(self.top, other.top), min(self.left, other.left)
        bottom = max(self.top + self.height, other.top + other.height)
        right = max(self.left + self.width, other.left + other.width)
        return Window(top, left, bottom - top, right - left)

    def meets(self, other: "Window") -> bool:
        """Whether they share a pixel."""
        return (
            self.top < other.top + other.height
            and other.top < self.top + self.height
            and self.left < other.left + other.width
            and other.left < self.left + self.width
        )


def box_of(hole: NDArray[np.bool_]) -> Window:
    """The smallest rectangle that holds all of a ``(H, W)`` hole, which must not be empty."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return Window(rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)


def boxes_of(hole: NDArray[np.bool_], side: int) -> list[Window]:
    """Rectangles that hold the parts of a ``(H, W)`` hole and do not meet; parts that fit into ``side`` share one."""
    step = -(-max(hole.shape) // _COARSE)
    while len(found := _components(any_of(hole, step))) > _MOST:
        step *= 2
    return _merged([_exact(hole, Window(*(step * number for number in box))) for box in found], side)


def grid(size: tuple[int, int], side: int, overlap: int) -> Iterator[list[Window]]:
    """Rows of windows that cover a picture of ``size``; neighbors share at least ``overlap`` pixels, below ``side``."""
    for top in _starts(size[0], side, overlap):
        yield [Window(top, left, min(side, size[0]), min(side, size[1])) for left in _starts(size[1], side, overlap)]


def any_of(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """A mask of squares of ``step`` pixels: True where any pixel of them is; the last ones may be cut off."""
    height, width = mask.shape
    rows = np.logical_or.reduceat(mask, np.arange(0, height, step), axis=0)
    return np.logical_or.reduceat(rows, np.arange(0, width, step), axis=1)


def _components(mask: NDArray[np.bool_]) -> list[Window]:
    _, _, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return [Window(int(top), int(left), int(height), int(width)) for left, top, width, height, _ in found[1:]]


def _exact(hole: NDArray[np.bool_], window: Window) -> Window:
    inner = box_of(hole[window.slices])
    return Window(window.top + inner.top, window.left + inner.left, inner.height, inner.width)


def _merged(boxes: list[Window], side: int) -> list[Window]:
    """Join boxes that meet, and those that fit into ``side`` together."""
    waiting, done = list(boxes), list[Window]()
    while waiting:
        box = waiting.pop()
        others = (each for each in [*waiting, *done] if box.meets(each) or box.joined(each).long <= side)
        near = next(others, None)
        if near is None:
            done.append(box)
            continue
        (waiting if near in waiting else done).remove(near)
        waiting.append(box.joined(near))
    return sorted(done)


def _stretched(start: int, length: int, least: int, end: int) -> tuple[int, int]:
    new = min(max(length, least), end)
    return min(max(0, start - (new - length) // 2), end - new), new


def _starts(length: int, side: int, overlap: int) -> list[int]:
    """Where windows begin: spread evenly, the last one ending where the picture does."""
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [round(number * (length - side) / (count - 1)) for number in range(count)]
