"""The brush of DeepFillv2's training masks."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from inlay.masks.painted import PaintedMask
from inlay.masks.primitives import Stroke, strokes
from inlay.masks.ranges import Range, between, check_range

SHARE = "shares of the short side"
_TURN, _SPREAD = 2 * math.pi / 5, 2 * math.pi / 15
_RADIUS = 1 / 8  # mean length of a segment, a share of the diagonal


@dataclass(frozen=True, kw_only=True)
class DeepFillBrush(PaintedMask):
    """A brush that zigzags: it heads 2/5 pi, give or take 2/15 pi, to one side and the other in turn (Yu et al. 2019).

    Segments have a normal length with mean an eighth of the diagonal and half of that as deviation, cut to between zero
    and twice the mean. Corners are moved into the picture. A stroke is mirrored half of the time, each way.

    Attributes:
        vertices: fewest and most segments of a stroke.
        brush: width of a stroke.
    """

    count: tuple[int, int] = (1, 3)
    vertices: tuple[int, int] = (4, 11)
    brush: Range = (0.047, 0.152)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("vertices", self.vertices, 1, math.inf)
        check_range("brush", self.brush, 0, 1, SHARE)

    @override
    def primitives(self, height: int, width: int, rng: np.random.Generator, count: int) -> Iterator[Stroke]:
        most, mean = self.vertices[1], _RADIUS * math.hypot(height, width)
        size = np.array([width, height], np.float32)
        corners = np.empty((2, most + 1, count), np.float32)
        steps = np.zeros((most + 1, count), np.float32)
        steps[1:] = np.clip(rng.normal(mean, mean / 2, (most, count)), 0, 2 * mean)
        heading = _TURN + _SPREAD * rng.uniform(-1, 1, (most, count))
        heading[::2] *= -1
        mirrored = rng.choice([-1, 1], (2, count))
        corners[:, 0] = size[:, None] * rng.random((2, count))
        moves = np.stack([np.cos(heading), np.sin(heading)]) * steps[1:] * mirrored[:, None]
        for number in range(most):
            corners[:, number + 1] = np.clip(corners[:, number] + moves[:, number], 0, size[:, None])
        lengths = rng.integers(self.vertices[0] + 1, most + 2, count).tolist()
        brushes = (min(height, width) * between(self.brush, share) for share in rng.random(count).tolist())
        return strokes(corners, steps, lengths, brushes)
