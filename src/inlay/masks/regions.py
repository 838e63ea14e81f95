"""What every generated family shares: painting until an asked-for share of the picture is hole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError

Canvas = NDArray[np.uint8]
Paint = Callable[[Canvas, float, np.random.Generator], Any]
"""Draws one primitive on a ``(H, W)`` canvas (255 = hole), its size multiplied by a factor in ``(0, 1]``."""

_ATTEMPTS = 400
_SHRINK = 0.8


@dataclass(frozen=True, kw_only=True)
class Region:
    """How much of a picture may be hole, and where.

    Attributes:
        ratio: lowest and highest share of the picture that is hole, both met; None leaves it to chance.
        border: strip along the edges that stays untouched, as a share of the short side
            (Liu et al. 2018 keep 50 of 512 px free: 0.098).
    """

    ratio: tuple[float, float] | None = None
    border: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.border < 0.5:
            raise InlayError(f"masks.border must lie in [0, 0.5), a share of the short side; got {self.border}.")
        if self.ratio is not None:
            low, high = self.ratio
            if not 0.0 < low < high <= 1.0:
                raise InlayError(f"masks.ratio must be [low, high] with 0 < low < high <= 1; got [{low}, {high}].")

    def draw(
        self, height: int, width: int, rng: np.random.Generator, paint: Paint, count: tuple[int, int]
    ) -> NDArray[np.bool_]:
        """Paint primitives inside the border, ``count`` of them or as many as the ratio takes.

        Args:
            height: of the mask in pixels.
            width: of the mask in pixels.
            rng: where every choice comes from.
            paint: draws one primitive.
            count: fewest and most primitives when no ratio is asked for.

        Returns:
            ``(height, width)`` bool, True = hole.

        Raises:
            InlayError: the ratio cannot be met at this size and border, or the border leaves nothing.
        """
        mask: Canvas = np.zeros((height, width), np.uint8)
        margin = round(self.border * min(height, width))
        inner = mask[margin : height - margin, margin : width - margin]
        if not inner.size:
            raise InlayError(f"masks.border={self.border} leaves nothing of {width}x{height} pixels. Lower it.")
        if self.ratio is None:
            for _ in range(rng.integers(count[0], count[1] + 1)):
                paint(inner, 1.0, rng)
        else:
            self._fill(inner, mask.size, rng, paint)
        return mask > 0

    def _fill(self, inner: Canvas, area: int, rng: np.random.Generator, paint: Paint) -> None:
        """Add primitives until a target drawn from the ratio is reached; one that goes too far is taken back."""
        assert self.ratio is not None
        low, high = self.ratio
        if low * area > inner.size:
            raise InlayError(
                f"masks.ratio asks for {low:.0%} of hole, but masks.border={self.border} leaves "
                f"{inner.size / area:.0%} of the picture. Lower one of them."
            )
        target, size = rng.uniform(low, min(high, inner.size / area)), 1.0
        covered = 0
        for _ in range(_ATTEMPTS):
            before = inner.copy()
            paint(inner, size, rng)
            now = cv2.countNonZero(inner)
            if now > high * area:
                inner[:] = before
                size *= _SHRINK
                continue
            covered = now
            if covered >= target * area:
                return
        if covered < low * area:
            raise InlayError(
                f"masks.ratio=[{low}, {high}] could not be met on {inner.shape[1]}x{inner.shape[0]} pixels. "
                "Widen the range or enlarge the picture."
            )
