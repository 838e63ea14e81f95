"""The strokes of LaMa's training masks."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from inlay.masks.painted import PaintedMask
from inlay.masks.primitives import Stroke, painted_width
from inlay.masks.ranges import Range, between, check_range

SHARE = "shares of the short side"
_HEADINGS = 4


@dataclass(frozen=True, kw_only=True)
class LaMaStrokes(PaintedMask):
    """Strokes of straight segments, each with a width of its own (Suvorov et al. 2022, supplementary material).

    A segment heads in one of four directions, 0.01, 1.01, 2.01 or 3.01 radians from the vertical; every other stroke
    uses their mirror images. Its end is moved into the picture.

    Attributes:
        segments: fewest and most segments of a stroke.
        length: of a segment.
        brush: width of a segment.
    """

    segments: tuple[int, int] = (1, 5)
    length: Range = (0.04, 0.82)
    brush: Range = (0.02, 0.41)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("segments", self.segments, 1, math.inf)
        check_range("length", self.length, 0, 1, SHARE)
        check_range("brush", self.brush, 0, 1, SHARE)

    @override
    def primitives(self, height: int, width: int, rng: np.random.Generator, count: int) -> Iterator[Stroke]:
        scale = min(height, width)
        for number in range(count):
            x, y = int(rng.integers(width)), int(rng.integers(height))
            for _ in range(int(rng.integers(self.segments[0], self.segments[1] + 1))):
                angle = 0.01 + int(rng.integers(_HEADINGS))
                if number % 2 == 0:
                    angle = 2 * math.pi - angle
                extent, brush = (scale * between(limits, rng.random()) for limits in (self.length, self.brush))
                end = (
                    min(max(round(x + extent * math.sin(angle)), 0), width - 1),
                    min(max(round(y + extent * math.cos(angle)), 0), height - 1),
                )
                yield _segment((x, y), end, round(brush) or 1)
                x, y = end


def _segment(start: tuple[int, int], end: tuple[int, int], brush: int) -> Stroke:
    wide, length = painted_width(brush), math.dist(start, end)
    return Stroke(np.array([start, end], np.int32), brush, wide * (wide + length), (0.0, length))
