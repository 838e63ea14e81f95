"""Holes in the form of what the picture shows: the objects that a dataset segments or frames."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError, NoHole
from inlay.masks.morphology import dilated, fit, opened
from inlay.masks.ranges import Range, Ratio, Spread, check_family, ends
from inlay.types import MaskContext

Source = Literal["any", "object", "box"]


@dataclass(frozen=True, kw_only=True)
class Objects:
    """The object of each picture (:class:`inlay.types.MaskContext`), perhaps smoothed and enlarged.

    Attributes:
        source: ``object`` takes the segmentation, ``box`` the bounding box, ``any`` the first of them that is there.
        opening: width of the kernel that removes what is thinner, as a share of the short side; 0 for none.
        dilation: width of the kernel that grows the hole, by half of it, as a share of the short side.
        valid: the share of the picture that is hole must lie between these, both excluded.
        ratio: lowest and highest share that is hole; a valid hole outside it is grown or shrunk. None for any.
        spread: ``natural`` leaves holes that meet the ratio alone; ``uniform`` grows or shrinks all of them, so that
            every share in it is as probable as any other.
    """

    source: Source = "any"
    opening: float = 0.0
    dilation: float = 0.0
    valid: Range = (0.05, 0.80)
    ratio: Ratio | None = None
    spread: Spread = "natural"

    def __post_init__(self) -> None:
        check_family(self, self.spread)
        if self.source not in get_args(Source):
            raise InlayError(f"masks.source must be one of {', '.join(get_args(Source))}; got {self.source!r}.")
        for name in ("opening", "dilation"):
            if not 0.0 <= getattr(self, name) < 0.5:
                raise InlayError(f"masks.{name} must lie in [0, 0.5), of the short side; got {getattr(self, name)}.")
        low, high = ends("valid", self.valid)
        if not 0.0 <= low < high <= 1.0:
            raise InlayError(f"masks.valid must be [low, high] with 0 <= low < high <= 1; got {list(self.valid)}.")

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """The hole of a picture.

        Raises:
            NoHole: the picture has no such object, or it is not valid.
            InlayError: there is no picture.
        """
        if context is None:
            raise InlayError(
                "masks=objects takes holes from a dataset's pictures: give data=cub or pets and data.root=..."
            )
        mask = context.object() if self.source != "box" else None
        if mask is None and self.source != "object":
            mask = context.box()
        if mask is None:
            what = {"any": "neither segmentation nor box", "object": "no segmentation", "box": "no box"}
            raise NoHole(f"the dataset has {what[self.source]} for it")
        mask = dilated(opened(mask, self.opening), self.dilation)
        share, (low, high) = float(mask.mean()), self.valid
        if not low < share < high:
            raise NoHole(f"its object covers {share:.1%} of the sample, which is not between {low:.0%} and {high:.0%}")
        return fit(mask, self.ratio, rng, self.spread)
