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


def check_ratio(ratio: Ratio | None) -> None:
    """Raise :class:`InlayError` unless ``ratio`` is None or ``0 < low < high <= 1``."""
    if ratio is not None:
        low, high = ends("ratio", ratio)
        if not 0.0 < low < high <= 1.0:
            raise InlayError(f"masks.ratio must be [low, high] with 0 < low < high <= 1; got [{low}, {high}].")


def check_spread(spread: Spread, ratio: Ratio | None) -> None:
    """Raise :class:`InlayError` unless it is one of both, and a uniform one has a ratio to lie in."""
    if spread not in get_args(Spread):
        raise InlayError(f"masks.spread must be natural or uniform; got {spread!r}.")
    if spread == "uniform" and ratio is None:
        raise InlayError(
            "masks.spread=uniform spreads holes over masks.ratio, which is null. Give a range, masks.ratio=[0.1,0.4], "
            "or masks.spread=natural."
        )


def check_range(name: str, limits: Range, lowest: float, highest: float, unit: str = "") -> None:
    """Raise :class:`InlayError` unless ``lowest <= low <= high <= highest``.

    Args:
        name: of the setting, without ``masks.``.
        limits: the range.
        lowest: that it may reach down to.
        highest: that it may reach up to.
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


def lists_to_tuples(family: Any) -> None:
    """Make tuples of a frozen dataclass's lists: reading a list of OmegaConf's costs as much as painting a stroke."""
    for field in fields(family):
        value = getattr(family, field.name, None)
        if isinstance(value, Sequence) and not isinstance(value, str | tuple):
            object.__setattr__(family, field.name, tuple(value))
