"""Holes that are a window of the picture, or all but one: a box in the middle, the outside of what is kept."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.masks.morphology import fit_pixels, hole_pixels
from inlay.masks.ranges import Range, Ratio, between, check_family, check_range
from inlay.types import MaskContext

Side = Literal["left", "right", "top", "bottom"]


@dataclass(frozen=True, kw_only=True)
class Center:
    """One box in the middle: the fixed hole of Context Encoders (Pathak et al. 2016).

    Attributes:
        side: height and width of the box as a share of the picture's; 0.5 leaves a quarter of the picture as hole.
        ratio: lowest and highest share of the picture that is hole, both met; then ``side`` is drawn. Where no box
            meets a narrow range, a box with an incomplete edge does.
    """

    side: float = 0.5
    ratio: Ratio | None = None

    def __post_init__(self) -> None:
        check_family(self)
        if not 0.0 < self.side < 1.0:
            raise InlayError(f"masks.side must lie between 0 and 1, a share of the picture's side; got {self.side}.")

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """Draw the mask. Without ``ratio`` it is always the same, and ``rng`` is not asked."""
        if self.ratio is None:
            return _middle(height, width, max(1, round(height * self.side)), max(1, round(width * self.side)))
        fewest, most = hole_pixels(self.ratio, (height, width))
        target = int(rng.integers(fewest, most + 1))
        tall = min(target, round(height * math.sqrt(target / (height * width))) or 1)
        wide = min(width, target // tall)
        mask = _middle(height, width, tall, wide)
        return mask if fewest <= tall * wide <= most else fit_pixels(mask, target)


def _middle(height: int, width: int, tall: int, wide: int) -> NDArray[np.bool_]:
    top, left = (height - tall) // 2, (width - wide) // 2
    mask = np.zeros((height, width), np.bool_)
    mask[top : top + tall, left : left + wide] = True
    return mask


@dataclass(frozen=True, kw_only=True)
class Outpaint:
    """Strips along the sides of the picture: what a network has to invent around a window that is kept.

    Attributes:
        sides: which sides may be hole, of ``left``, ``right``, ``top`` and ``bottom``.
        count: fewest and most sides that are hole at once.
        width: of a strip, as a share of the picture's width (left, right) or height (top, bottom).
        ratio: lowest and highest share of the picture that is hole, both met: the strips drawn are widened or narrowed
            together. None leaves it to chance.
    """

    sides: tuple[Side, ...] = get_args(Side)
    count: tuple[int, int] = (1, 4)
    width: Range = (0.1, 0.4)
    ratio: Ratio | None = None

    def __post_init__(self) -> None:
        check_family(self)
        check_range("width", self.width, 0, 0.49, "a share of the picture's side")
        known = get_args(Side)
        if not self.sides or set(self.sides) - set(known) or len(set(self.sides)) < len(self.sides):
            raise InlayError(f"masks.sides must name some of {', '.join(known)}, each once; got {list(self.sides)}.")
        check_range("count", self.count, 1, len(known))
        if self.count[0] > len(self.sides):
            raise InlayError(
                f"masks.count={list(self.count)} asks for more sides than masks.sides={list(self.sides)} has."
            )

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """Draw one mask; the picture is not looked at."""
        chosen = rng.permutation(self.sides)[: rng.integers(self.count[0], self.count[1] + 1)]
        thinnest = 1 / max(height, width)  # nothing times any factor stays nothing
        strips = {side: max(thinnest, between(self.width, rng.random())) for side in chosen.tolist()}
        if self.ratio is None:
            return _all_but_window(height, width, strips)
        fewest, most = hole_pixels(self.ratio, (height, width))
        target = int(rng.integers(fewest, most + 1))
        mask = _all_but_window(height, width, _widened(strips, target / (height * width)))
        return mask if fewest <= np.count_nonzero(mask) <= most else fit_pixels(mask, target)


def _widened(strips: dict[str, float], share: float) -> dict[str, float]:
    """Strips times the factor ``f`` that makes them cover a share: ``(1 - f across) (1 - f down) = 1 - share``."""
    across = strips.get("left", 0.0) + strips.get("right", 0.0)
    down = strips.get("top", 0.0) + strips.get("bottom", 0.0)
    total = across + down
    factor = 2 * share / (total + math.sqrt(total**2 - 4 * across * down * share))
    return {side: factor * width for side, width in strips.items()}


def _all_but_window(height: int, width: int, strips: dict[str, float]) -> NDArray[np.bool_]:
    """At least one pixel of each strip is hole, and at least one pixel of the picture is kept."""
    top, bottom = _pixels(height, strips.get("top"), strips.get("bottom"))
    left, right = _pixels(width, strips.get("left"), strips.get("right"))
    mask = np.ones((height, width), np.bool_)
    mask[top : height - bottom, left : width - right] = False
    return mask


def _pixels(side: int, first: float | None, second: float | None) -> tuple[int, int]:
    near = 0 if first is None else min(max(1, round(side * first)), side - 2)
    far = 0 if second is None else min(max(1, round(side * second)), side - 1 - near)
    return near, far
