"""Options of filling a picture of any size."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from inlay.errors import InlayError
from inlay.pipeline.composers import Composer, HardComposer

Strategy = Literal["auto", "whole", "crop", "tile", "resize"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@dataclass(frozen=True)
class FillOptions:
    """How a filler is run on a picture of any size, and how its prediction is put back.

    Attributes:
        strategy: ``whole`` shows the filler the picture as it is; ``crop`` a window around each hole; ``tile`` windows
            that overlap; ``resize`` a small copy, and then the rim of the hole at full size. ``auto`` chooses.
        composer: how predicted pixels are put back. By default every known pixel keeps its value bit for bit.
        batch: largest number of windows in a batch.

    Raises:
        InlayError: an option is out of range.
    """

    strategy: Strategy = "auto"
    composer: Composer = field(default_factory=HardComposer)
    batch: int = 4

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InlayError(f"strategy must be one of {', '.join(STRATEGIES)}, got {self.strategy!r}.")
        if self.batch < 1:
            raise InlayError(f"batch must be at least 1, got {self.batch}.")
