"""Ranges ``[low, high]`` that values are drawn from: checked, and read quickly."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal, get_args

from inlay.errors import InlayError

Range = tuple[float, float]
Ratio = tuple[float, float]
"""Lowest and highest share of a picture that is hole."""
Spread = Literal["natural", "uniform"]
"""How hole ratios lie within their range: as the family makes them, or each as probable as any other."""


def between(limits: Range, share: float) -> float:
    """The value of a range that lies at a share of it: the lowest at 0, the highest at 1."""
    return limits[0] + (limits[1] - limits[0]) * share


def check_family(family: Any, spread: Spread = "natural") -> None:
    """Check the ``ratio`` of a frozen dataclass, and a spread within it; lists among its settings become tuples.

    Raises:
        InlayError: the ratio is not ``0 < low < high <= 1``; the spread is unknown, or uniform without a ratio.
    """
    for field in fields(family):
        value = getattr(family, field.name, None)
        # OmegaConf's lists: reading a number of one takes as long as painting a stroke.
        if isinstance(value, Sequence) and not isinstance(value, str | tuple):
            object.__setattr__(family, field.name, tuple(value))
    if family.ratio is not None:
        low, high = ends("ratio", family.ratio)
        if not 0.0 < low < high <= 1.0:
            raise InlayError(f"masks.ratio must be [low, high] with 0 < low < high <= 1; got [{low}, {high}].")
    if spread not in get_args(Spread):
        raise InlayError(f"masks.spread must be natural or uniform; got {spread!r}.")
    if spread == "uniform" and family.ratio is None:
        raise InlayError(
            "masks.spread=uniform spreads holes over masks.ratio, which is null. Give a range, masks.ratio=[0.1,0.4], "
            "or masks.spread=natural."
        )


def check_range(name: str, limits: Range, lowest: float, highest: float, unit: str = "") -> None:
    """Raise :class:`InlayError` unless ``lowest <= low <= high <= highest``.

    Args:
        name: of the setting, without ``masks.``.
        limits: ``[low, high]``.
        lowest: least value for both.
        highest: greatest value for both.
        unit: what the values are, for the message.
    """
    low, high = ends(name, limits)
    if not lowest <= low <= high <= highest:
        unit = f", {unit}" if unit else ""
        raise InlayError(
            f"masks.{name} must be [low, high] with {lowest} <= low <= high <= {highest}{unit}; got [{low}, {high}]."
        )


def ends(name: str, limits: Range) -> Range:
    """Both ends of a range that a user gave; raise :class:`InlayError` where it has not two."""
    try:
        low, high = limits
    except (TypeError, ValueError):
        raise InlayError(f"masks.{name} must be [low, high], two numbers; got {limits}.") from None
    return low, high
