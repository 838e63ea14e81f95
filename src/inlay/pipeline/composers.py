"""Composers: how predicted pixels are put back into a picture."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from inlay.configs import load
from inlay.errors import InlayError
from inlay.images import Picture
from inlay.pipeline.blending import dilate, feather, poisson_blend

Mask = NDArray[np.bool_]
Blend = Literal["none", "poisson"]

BLENDS: tuple[Blend, ...] = get_args(Blend)
WIDEST = 256
"""Largest number of pixels for ``dilate`` and ``feather``."""
PACKAGES = ("inlay.pipeline.composers",)
"""Where the classes lie that a configuration of a composer may name."""


@runtime_checkable
class Composer(Protocol):
    """Decides which pixels a filler predicts for a hole, and what becomes of them in the picture."""

    @abstractmethod
    def masks(self, hole: Mask) -> tuple[Mask, Mask]:
        """Widen a hole.

        Args:
            hole: ``(H, W)``, True = hole.

        Returns:
            Two masks ``(H, W)``: the pixels that are replaced by predicted ones, and the pixels to predict, which
            include the first. Where they differ, both the picture's own and the predicted pixels are known.
        """

    @abstractmethod
    def compose(self, picture: Picture, predicted: Picture, replaced: Mask, mask: Mask) -> Picture:
        """Put predicted pixels into a picture.

        Args:
            picture: the picture as it was given; not changed.
            predicted: a copy with the filler's prediction in ``mask``; may be changed in place, which saves memory.
            replaced: first mask of :meth:`masks`.
            mask: second mask of :meth:`masks`.
        """


@dataclass(frozen=True)
class HardComposer(Composer):
    """Predicted pixels replace those of the hole, without a transition.

    Attributes:
        dilate: pixels around the hole that are replaced as well.

    Raises:
        InlayError: a number of pixels is out of range.
    """

    dilate: int = 0

    def __post_init__(self) -> None:
        for name, pixels in vars(self).items():  # of a subclass, too
            if not isinstance(pixels, int) or not 0 <= pixels <= WIDEST:
                raise InlayError(f"{name} must be a whole number of pixels from 0 to {WIDEST}, got {pixels}.")

    def _margin(self) -> int:
        """Pixels around the replaced ones that are predicted, too."""
        return 0

    @override
    def masks(self, hole: Mask) -> tuple[Mask, Mask]:
        replaced = dilate(hole, self.dilate)
        return replaced, dilate(replaced, self._margin())

    @override
    def compose(self, picture: Picture, predicted: Picture, replaced: Mask, mask: Mask) -> Picture:
        return predicted


@dataclass(frozen=True)
class FeatherComposer(HardComposer):
    """Around the hole, predicted pixels fade into the picture. The fade changes known pixels, and no others.

    Attributes:
        feather: pixels around the hole over which they fade.
    """

    feather: int = 8

    @override
    def _margin(self) -> int:
        return self.feather

    @override
    def compose(self, picture: Picture, predicted: Picture, replaced: Mask, mask: Mask) -> Picture:
        feather(predicted, picture, mask, replaced, self.feather)
        return predicted


@dataclass(frozen=True)
class PoissonComposer(FeatherComposer):
    """Poisson blending: gradients of the prediction, brightness and color from around the hole.

    Attributes:
        feather: pixels around the hole over which the blended pixels fade; 0 leaves known pixels as they are.
    """

    feather: int = 0

    @override
    def _margin(self) -> int:
        return max(self.feather, 1)  # colors are compared at the seam, where both sides must be known

    @override
    def compose(self, picture: Picture, predicted: Picture, replaced: Mask, mask: Mask) -> Picture:
        poisson_blend(predicted, picture, mask)
        return super().compose(picture, predicted, replaced, mask)


def choose_composer(blend: Blend = "none", feather: int = 0, dilate: int = 0) -> Composer:
    """The composer that the short options of ``inlay predict`` and the page mean."""
    if blend not in BLENDS:
        raise InlayError(f"blend must be one of {', '.join(BLENDS)}, got {blend!r}.")
    if blend == "poisson":
        return PoissonComposer(dilate, feather)
    return FeatherComposer(dilate, feather) if feather else HardComposer(dilate)


def load_composer(config: str | Path | Mapping[str, Any]) -> Composer:
    """Build the composer that a name in ``conf/composer``, a YAML file or a mapping with ``_target_`` describes."""
    composer: Composer = load("composer", config, PACKAGES, Composer)
    return composer
