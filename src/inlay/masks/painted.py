"""Painted masks: painting until a share of the picture is hole."""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.masks.morphology import fit_pixels, hole_pixels
from inlay.masks.primitives import Canvas, Primitive
from inlay.masks.ranges import Ratio, Spread, check_family, check_range
from inlay.types import MaskContext

_AT_ONCE = 10
_MOST_PAINTED = 400
_MOST_CUT = 16
_NEARLY = 0.85  # of a target that has to be met exactly: the edges move for the rest, which would else be crumbs


@dataclass(frozen=True, kw_only=True)
class PaintedMask(ABC):
    """How much of a picture may be hole, and where.

    Attributes:
        ratio: lowest and highest share of the picture that is hole, both met; None leaves it to chance.
        spread: ``natural`` leaves a hole as it was painted once it lies in the ratio, which favors the upper half of a
            range; with ``uniform`` every number of pixels in it is as probable as any other.
        border: strip along the edges that stays untouched, as a share of the short side
            (Liu et al. 2018 keep 50 of 512 px free: 0.098).
        count: fewest and most primitives when no ratio is asked for.
    """

    ratio: Ratio | None = None
    border: float = 0.0
    spread: Spread = "natural"
    count: tuple[int, int] = (1, 5)

    def __post_init__(self) -> None:
        check_family(self, self.spread)
        check_range("count", self.count, 1, math.inf)
        if not 0.0 <= self.border < 0.5:
            raise InlayError(f"masks.border must lie in [0, 0.5), a share of the short side; got {self.border}.")

    @abstractmethod
    def primitives(self, height: int, width: int, rng: np.random.Generator, count: int) -> Iterable[Primitive]:
        """Draw primitives for a canvas, many at once, as each call of NumPy has its price."""

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """Paint primitives inside the border, ``count`` of them or as many as the ratio takes; no picture is needed.

        Raises:
            InlayError: the ratio cannot be met at this size and border, or the border leaves nothing.
        """
        canvas: Canvas = np.zeros((height, width), np.uint8)
        margin = round(self.border * min(height, width))
        inner = canvas[margin : height - margin, margin : width - margin]
        if not inner.size:
            raise InlayError(f"masks.border={self.border} leaves nothing of {width}x{height} pixels. Lower it.")
        if self.ratio is None:
            number = int(rng.integers(self.count[0], self.count[1] + 1))
            for primitive in self.primitives(inner.shape[0], inner.shape[1], rng, number):
                primitive.paint(inner)
            if canvas.all():  # a picture of which nothing is known teaches nothing
                canvas[rng.integers(height), rng.integers(width)] = 0
        else:
            self._fill(inner, canvas.shape, rng)
        return canvas.view(np.bool_)

    def _fill(self, inner: Canvas, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Paint up to a target drawn from the ratio; what painting cannot hit, moving the edges does."""
        assert self.ratio is not None
        fewest, most = hole_pixels(self.ratio, shape)
        if fewest > inner.size:
            raise InlayError(
                f"masks.ratio asks for {self.ratio[0]:.0%} of hole, but masks.border={self.border} leaves "
                f"{inner.size / (shape[0] * shape[1]):.0%} of the picture. Lower one of them."
            )
        target = fewest + int(rng.random() * (min(most, inner.size) - fewest + 1))
        will_do, paint = (fewest, most), (fewest, target, most)
        if self.spread == "uniform":
            will_do, paint = (target, target), (math.ceil(_NEARLY * target), target, target)
        endless = itertools.chain.from_iterable(
            self.primitives(inner.shape[0], inner.shape[1], rng, _AT_ONCE) for _ in itertools.count()
        )
        covered = paint_up_to(inner, paint, endless)
        if not will_do[0] <= covered <= will_do[1]:
            if not covered:  # not even the smallest primitive fitted, and nothing has no edge
                inner[rng.integers(inner.shape[0]), rng.integers(inner.shape[1])] = 1
            inner[:] = fit_pixels(inner.view(np.bool_), target) if target < inner.size else 1


def paint_up_to(canvas: Canvas, pixels: tuple[int, int, int], primitives: Iterator[Primitive]) -> int:
    """Paint until a number of pixels is covered, and never more than the most.

    Counting costs as much as painting, so pixels are counted only when the bounds of what was painted say that the
    target may be reached, or that the next primitive may go too far. One that may is cut down to what is left; after
    it, the fewest will do.

    Args:
        canvas: what to paint on; empty.
        pixels: the fewest that will do, the target, and the most.
        primitives: what to paint.

    Returns:
        How many pixels are covered: fewer than the fewest where the range is narrower than what can be cut to fit.
    """
    fewest, target, most = pixels
    covered, cuts = 0.0, 0  # between two counts ``covered`` is a bound
    for primitive in itertools.islice(primitives, _MOST_PAINTED):
        if covered >= target or covered + primitive.bound > most:
            covered = count(canvas)
            if covered >= target or cuts >= (1 if covered >= fewest else _MOST_CUT):
                return int(covered)
            if covered + primitive.bound > most:
                smaller, cuts = primitive.cut(most - covered), cuts + 1
                if smaller is None:
                    return int(covered)
                primitive = smaller
        primitive.paint(canvas)
        covered += primitive.bound
    return count(canvas)


def count(canvas: Canvas) -> int:
    """Pixels of hole. On zeros and ones the sum is the count, and OpenCV sums faster than anything counts."""
    return int(cv2.sumElems(canvas)[0])
