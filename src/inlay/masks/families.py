"""The families of generated holes. Each is a callable ``(height, width, rng) -> (height, width) bool``, True = hole.

Sizes are shares of the picture's short side, so that a family looks the same at 64 and at 512 pixels.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.masks.regions import Canvas, Region

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Strokes(Region):
    """Irregular holes from a brush that wanders: polylines with round ends.

    The free-form masks of Yu et al. (2019, "Free-Form Image Inpainting with Gated Convolution", algorithm 1) drawn
    with one polyline a stroke.

    Attributes:
        count: fewest and most strokes when no ratio is asked for.
        vertices: fewest and most corners of a stroke.
        length: of the line between two corners.
        brush: width of the brush.
        turn: largest change of direction at a corner in radians.
    """

    count: tuple[int, int] = (1, 5)
    vertices: tuple[int, int] = (4, 12)
    length: Range = (0.05, 0.20)
    brush: Range = (0.04, 0.10)
    turn: float = 1.2

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw one mask."""
        return self.draw(height, width, rng, self._paint, self.count)

    def _paint(self, canvas: Canvas, size: float, rng: np.random.Generator) -> None:
        height, width = canvas.shape
        scale = size * min(height, width)
        corners = int(rng.integers(self.vertices[0], self.vertices[1] + 1))
        x, y, heading, brush = rng.random(4)
        turns, lengths = rng.random((2, corners))
        headings = 2 * math.pi * heading + self.turn * np.cumsum(2 * turns - 1)
        steps = scale * (self.length[0] + (self.length[1] - self.length[0]) * lengths)
        steps[0] = 0  # the first corner lies in the picture; later ones may leave it
        points = np.empty((corners, 2))
        points[:, 0] = x * width + np.cumsum(steps * np.cos(headings))
        points[:, 1] = y * height + np.cumsum(steps * np.sin(headings))
        thickness = scale * (self.brush[0] + (self.brush[1] - self.brush[0]) * brush)
        cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, 255, max(1, round(thickness)))


@dataclass(frozen=True, kw_only=True)
class Shapes(Region):
    """Irregular holes from the classical mix of lines, circles and ellipses.

    Attributes:
        count: fewest and most primitives when no ratio is asked for.
        extent: radius of circles, half axes of ellipses, half length of lines.
        thickness: of lines.
    """

    count: tuple[int, int] = (4, 12)
    extent: Range = (0.03, 0.20)
    thickness: Range = (0.01, 0.06)

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw one mask."""
        return self.draw(height, width, rng, self._paint, self.count)

    def _paint(self, canvas: Canvas, size: float, rng: np.random.Generator) -> None:
        height, width = canvas.shape
        scale = size * min(height, width)
        x, y = (int(v) for v in rng.integers(0, (width, height)))
        first, second = (int(v) for v in np.maximum(1, rng.uniform(*self.extent, 2) * scale))
        angle = rng.uniform(0, 180)
        kind = rng.integers(3)
        if kind == 0:
            dx, dy = first * math.cos(math.radians(angle)), first * math.sin(math.radians(angle))
            ends = (round(x - dx), round(y - dy)), (round(x + dx), round(y + dy))
            cv2.line(canvas, *ends, 255, max(1, round(rng.uniform(*self.thickness) * scale)))
        elif kind == 1:
            cv2.circle(canvas, (x, y), first, 255, -1)
        else:
            cv2.ellipse(canvas, (x, y), (first, second), angle, 0, 360, 255, -1)


@dataclass(frozen=True, kw_only=True)
class Boxes(Region):
    """Rectangles, upright, wholly inside the picture.

    Attributes:
        count: fewest and most boxes when no ratio is asked for.
        side: length of a side.
    """

    count: tuple[int, int] = (1, 4)
    side: Range = (0.1, 0.5)

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw one mask."""
        return self.draw(height, width, rng, self._paint, self.count)

    def _paint(self, canvas: Canvas, size: float, rng: np.random.Generator) -> None:
        height, width = canvas.shape
        sides = np.rint(rng.uniform(*self.side, 2) * size * min(height, width)).astype(int)
        tall, wide = np.clip(sides, 1, (height, width))
        top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
        canvas[top : top + tall, left : left + wide] = 255


@dataclass(frozen=True, kw_only=True)
class Center:
    """One box in the middle: the fixed hole of Context Encoders (Pathak et al. 2016).

    Attributes:
        side: height and width of the box as a share of the picture's; 0.5 leaves a quarter of the picture as hole.
    """

    side: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < self.side < 1.0:
            raise InlayError(f"masks.side must lie between 0 and 1, a share of the picture's side; got {self.side}.")

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw the mask; it is always the same and ``rng`` is not asked."""
        tall, wide = max(1, round(height * self.side)), max(1, round(width * self.side))
        top, left = (height - tall) // 2, (width - wide) // 2
        mask = np.zeros((height, width), np.bool_)
        mask[top : top + tall, left : left + wide] = True
        return mask
