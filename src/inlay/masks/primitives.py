"""What generated holes are painted with. A primitive knows a bound on the pixels that it can cover.

Thanks to the bound, painting never has to be undone: a primitive that might cover too much is cut down beforehand.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
"""``(H, W)``, 1 = hole."""

_SLACK = 2.5  # a pixel a line has more than its length, and what rounding its ends may add to that


class Primitive(Protocol):
    """One thing to paint."""

    @property
    def bound(self) -> float:
        """Painting covers no more pixels than this."""

    def paint(self, canvas: Canvas) -> None:
        """Set the pixels that it covers to 1; what lies outside the canvas is lost."""

    def cut(self, room: float) -> Self | None:
        """A smaller one whose bound is at most ``room`` pixels; None where not even the smallest fits."""


class Stroke(NamedTuple):
    """A polyline with round ends.

    Attributes:
        points: ``(N, 2)`` int32, x and y of its corners.
        brush: width in pixels, at least 1.
        bound: of the whole stroke.
        way: at least ``(N,)``, a bound on the length of the way to each corner, rising.
    """

    points: NDArray[np.int32]
    brush: int
    bound: float
    way: Sequence[float] | NDArray[np.float32]

    def paint(self, canvas: Canvas) -> None:
        """Draw the polyline."""
        a_dot = len(self.points) == 1  # OpenCV draws it only as a line that closes
        cv2.polylines(canvas, [self.points], a_dot, 1, self.brush)

    def cut(self, room: float) -> "Stroke | None":
        """The stroke up to the last corner that ``room`` allows."""
        width = painted_width(self.brush)
        corners = bisect_right(self.way, room / width - width, hi=len(self.points))
        if corners == 0:
            return None
        return Stroke(self.points[:corners], self.brush, width * (width + float(self.way[corners - 1])), self.way)


def strokes(
    corners: NDArray[np.float32], steps: NDArray[np.float32], lengths: Iterable[int], brushes: Iterable[float]
) -> Iterator[Stroke]:
    """Many strokes; their bounds are computed together.

    Args:
        corners: ``(2, N, K)`` x and y of ``N`` corners of ``K`` strokes.
        steps: ``(N, K)`` at least the distance from the corner before, 0 for the first; overwritten.
        lengths: how many of its corners each stroke has.
        brushes: width of each in pixels.
    """
    points = np.empty(corners.shape[::-1], np.int32)  # (K, N, 2), as OpenCV takes it
    points.transpose(2, 1, 0)[...] = np.rint(corners)
    steps[1:] += _SLACK
    ways = np.add.accumulate(steps).T  # (K, N)
    for row, way, length, brush in zip(points, ways, lengths, brushes, strict=True):
        thickness = round(brush) or 1
        width = painted_width(thickness)
        yield Stroke(row[:length], thickness, width * (width + way.item(length - 1)), way)


def line(center: tuple[float, float], extent: float, angle: float, brush: float) -> Stroke:
    """A straight line of half length ``extent`` around its middle ``(x, y)``; the angle is in radians."""
    dx, dy = extent * math.cos(angle), extent * math.sin(angle)
    ends = (round(center[0] - dx), round(center[1] - dy)), (round(center[0] + dx), round(center[1] + dy))
    thickness, length = round(brush) or 1, 2 * extent + _SLACK
    width = painted_width(thickness)
    return Stroke(np.array(ends, np.int32), thickness, width * (width + length), (0.0, length))


def painted_width(brush: int) -> int:
    """How wide OpenCV draws a line at most; its round ends add less than a square of that."""
    return brush + 3 if brush > 1 else 1


class Ellipse(NamedTuple):
    """A filled ellipse around ``(x, y)``.

    Attributes:
        axes: both half axes in whole pixels, at least 1; equal for a circle.
        angle: of the first half axis in degrees.
    """

    x: int
    y: int
    axes: tuple[int, int]
    angle: float

    @property
    def bound(self) -> float:
        """The area of an ellipse one pixel larger all around."""
        return math.pi * (self.axes[0] + 1) * (self.axes[1] + 1)

    def paint(self, canvas: Canvas) -> None:
        """Draw the ellipse."""
        if self.axes[0] == self.axes[1]:
            cv2.circle(canvas, (self.x, self.y), self.axes[0], 1, cv2.FILLED)
        else:
            cv2.ellipse(canvas, (self.x, self.y), self.axes, self.angle, 0, 360, 1, cv2.FILLED)

    def cut(self, room: float) -> "Ellipse | None":
        """The same form, shrunk."""
        shrink = math.sqrt(room / self.bound)
        first, second = (int(shrink * (axis + 1)) - 1 for axis in self.axes)
        return self._replace(axes=(first, second)) if min(first, second) >= 1 else None


class Box(NamedTuple):
    """An upright rectangle inside the canvas."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bound(self) -> float:
        """Its area, exactly."""
        return self.height * self.width

    def paint(self, canvas: Canvas) -> None:
        """Fill the rectangle."""
        canvas[self.top : self.top + self.height, self.left : self.left + self.width] = 1

    def cut(self, room: float) -> "Box | None":
        """The same form, shrunk towards its top left corner."""
        shrink = math.sqrt(room / self.bound)
        height, width = int(shrink * self.height), int(shrink * self.width)
        return self._replace(height=height, width=width) if min(height, width) >= 1 else None
