"""Generators of painted holes.

Sizes are shares of the picture's short side, so that masks look the same at 64 and at 512 pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from inlay.masks.painted import PaintedMask
from inlay.masks.primitives import Box, Ellipse, Stroke, line, strokes
from inlay.masks.ranges import Range, between, check_range

SHARE = "shares of the short side"


@dataclass(frozen=True, kw_only=True)
class Strokes(PaintedMask):
    """Irregular holes from a brush that wanders: polylines with round ends.

    The free-form masks of Yu et al. (2019, "Free-Form Image Inpainting with Gated Convolution", algorithm 1) drawn
    with one polyline a stroke. Theirs stop at the picture's edge, ours are mirrored there.

    Attributes:
        vertices: fewest and most corners of a stroke.
        length: of the line between two corners.
        brush: width of the brush.
        turn: largest change of direction at a corner in radians.
    """

    vertices: tuple[int, int] = (4, 12)
    length: Range = (0.05, 0.20)
    brush: Range = (0.05, 0.12)
    turn: float = 1.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("vertices", self.vertices, 1, math.inf)
        check_range("length", self.length, 0, 1, SHARE)
        check_range("brush", self.brush, 0, 1, SHARE)

    @override
    def primitives(self, height: int, width: int, rng: np.random.Generator, count: int) -> Iterator[Stroke]:
        scale, (fewest, most) = min(height, width), self.vertices
        draws = rng.random((4 + 2 * most, count), np.float32)
        start, corners, brush = draws[:2], draws[2], draws[3]
        turns, steps = draws[4 : 4 + most], draws[4 + most :]  # (most, count) each
        turns -= 0.5
        turns[1:] *= 2 * self.turn
        turns[0] *= 2 * math.pi  # the first heading is free
        headings = np.add.accumulate(turns)
        steps *= scale * (self.length[1] - self.length[0])
        steps += scale * self.length[0]
        steps[0] = 0
        size = np.array([[width], [height]], np.float32)
        path = np.empty((2, most, count), np.float32)
        np.multiply(np.cos(headings), steps, out=path[0])
        np.multiply(np.sin(headings), steps, out=path[1])
        path[:, 0] = start * size
        np.add.accumulate(path, axis=1, out=path)
        lengths = (fewest + int(share * (most + 1 - fewest)) for share in corners.tolist())
        brushes = (scale * between(self.brush, share) for share in brush.tolist())
        return strokes(_mirrored(path, size[..., None]), steps, lengths, brushes)


def _mirrored(path: NDArray[np.float32], size: NDArray[np.float32]) -> NDArray[np.float32]:
    """A path that would leave the picture comes back into it. In place; right up to twice the picture."""
    np.abs(path, out=path)
    np.subtract(size, path, out=path)
    np.abs(path, out=path)
    return np.subtract(size, path, out=path)


@dataclass(frozen=True, kw_only=True)
class Shapes(PaintedMask):
    """Irregular holes from the classical mix of lines, circles and ellipses.

    Attributes:
        extent: radius of circles, half axes of ellipses, half length of lines.
        thickness: of lines.
    """

    count: tuple[int, int] = (4, 12)
    extent: Range = (0.03, 0.20)
    thickness: Range = (0.01, 0.06)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("extent", self.extent, 0, 1, SHARE)
        check_range("thickness", self.thickness, 0, 1, SHARE)

    @override
    def primitives(self, height: int, width: int, rng: np.random.Generator, count: int) -> Iterator[Stroke | Ellipse]:
        scale = min(height, width)
        for kind, x, y, first, second, turn, thickness in rng.random((count, 7)).tolist():
            center, angle = (x * width, y * height), math.pi * turn
            extent = max(1, scale * between(self.extent, first))
            if kind < 1 / 3:
                yield line(center, extent, angle, scale * between(self.thickness, thickness))
            else:
                other = extent if kind < 2 / 3 else max(1, scale * between(self.extent, second))
                yield Ellipse(int(center[0]), int(center[1]), (int(extent), int(other)), math.degrees(angle))


@dataclass(frozen=True, kw_only=True)
class Boxes(PaintedMask):
    """Rectangles, upright, wholly inside the picture.

    Attributes:
        side: length of a side.
    """

    count: tuple[int, int] = (1, 4)
    side: Range = (0.1, 0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("side", self.side, 0, 1, SHARE)

    @override
    def primitives(self, height: int, width: int, rng: np.random.Generator, count: int) -> Iterator[Box]:
        scale = min(height, width)
        for top, left, tall, wide in rng.random((count, 4)).tolist():
            rows = min(height, round(scale * between(self.side, tall)) or 1)
            columns = min(width, round(scale * between(self.side, wide)) or 1)
            yield Box(int(top * (height - rows + 1)), int(left * (width - columns + 1)), rows, columns)
