"""The hole ratios that results are reported in."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from torch import Tensor

PERCENTS = (1, 10, 20, 30, 40, 50, 60)
"""Where one bucket ends and the next begins (Liu et al. 2018)."""
BUCKETS = tuple((low / 100, high / 100) for low, high in pairwise(PERCENTS))
"""Lowest and highest share of a picture that is hole; a ratio on an edge counts upward, the last edge downward."""
NAMES = tuple(f"{low}-{high}" for low, high in pairwise(PERCENTS))
"""``1-10``, ``10-20``, ... ``50-60``, in percent."""
OUTSIDE = "outside"
"""What is in none of them."""
ALL = "all"
"""Every picture, those outside of the buckets too."""

Count = Union[int, "Tensor"]
"""A number of pixels, or a tensor of int64 with one a picture."""


def place(hole: Count, pixels: int) -> Count:
    """Where a hole falls: 0 below the buckets, from 1 on their places, behind them above.

    Pixels of hole and of the picture are counted and not divided, so that it is exact: 0.1 is no binary fraction.
    """
    *edges, last = (percent * pixels for percent in PERCENTS)
    return sum(100 * hole >= edge for edge in edges) + (100 * hole > last)


def bucket(hole: int, pixels: int) -> str:
    """The bucket of a picture with ``hole`` of its ``pixels`` masked, or :data:`OUTSIDE`."""
    return (OUTSIDE, *NAMES, OUTSIDE)[int(place(hole, pixels))]


def in_order(names: Sequence[str]) -> list[str]:
    """Buckets as they are read: from small holes to large, what is outside behind, all at the end."""
    return [name for name in (*NAMES, OUTSIDE, ALL) if name in names]
