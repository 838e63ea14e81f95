"""The hole ratios that results are reported in."""

from collections.abc import Sequence

BUCKETS = ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))
"""Lowest and highest share of a picture that is hole (Liu et al. 2018); a ratio on an edge counts upward."""
NAMES = tuple(f"{100 * low:.0f}-{100 * high:.0f}" for low, high in BUCKETS)
"""``1-10``, ``10-20``, ... ``50-60``, in percent."""
OUTSIDE = "outside"
"""What is in none of them."""
ALL = "all"
"""Every picture, those outside of the buckets too."""


def bucket(ratio: float) -> str:
    """Which bucket a hole ratio falls into, or :data:`OUTSIDE`."""
    ratio = round(ratio, 6)
    for name, (low, high) in zip(NAMES, BUCKETS, strict=True):
        if low <= ratio < high or ratio == high == BUCKETS[-1][1]:
            return name
    return OUTSIDE


def in_order(names: Sequence[str]) -> list[str]:
    """Buckets as they are read: from small holes to large, what is outside behind, all at the end."""
    return [name for name in (*NAMES, OUTSIDE, ALL) if name in names]
