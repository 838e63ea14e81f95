"""How a filler is used on a picture of any size, and how its answer is put back."""

from dataclasses import dataclass
from typing import Literal, get_args

from inlay.errors import InlayError

Strategy = Literal["auto", "whole", "crop", "tile", "resize"]
Blend = Literal["none", "poisson"]

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
BLENDS: tuple[Blend, ...] = get_args(Blend)
WIDEST = 256
"""The widest border in pixels that a hole can be given."""


@dataclass(frozen=True)
class FillOptions:
    """How to fill and to blend; by default known pixels stay bit for bit as they are.

    Attributes:
        strategy: ``whole`` shows the filler the picture as it is; ``crop`` a window around each hole; ``tile`` windows
            that overlap; ``resize`` all of it made small, and then the hole's rim at full size. ``auto`` chooses.
        feather: blend over so many pixels around the hole.
        dilate: replace so many pixels around the hole, too.
        blend: ``poisson`` takes gradients from the answer and colors from around the hole.
        batch: windows that go through a network at a time.

    Raises:
        InlayError: an option is none of these, or out of range.
    """

    strategy: Strategy = "auto"
    feather: int = 0
    dilate: int = 0
    blend: Blend = "none"
    batch: int = 4

    def __post_init__(self) -> None:
        for name, allowed in (("strategy", STRATEGIES), ("blend", BLENDS)):
            if (given := getattr(self, name)) not in allowed:
                raise InlayError(f"{name} must be one of {', '.join(allowed)}, got {given!r}.")
        for name in ("feather", "dilate"):
            if not 0 <= (pixels := getattr(self, name)) <= WIDEST:
                raise InlayError(f"{name} must be from 0 to {WIDEST} pixels, got {pixels}.")
        if self.batch < 1:
            raise InlayError(f"batch must be at least 1, got {self.batch}.")
