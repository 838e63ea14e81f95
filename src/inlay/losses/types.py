"""What a loss term may look at."""

from typing import NamedTuple

from torch import Tensor


class Features(NamedTuple):
    """Deep features of an answer, its composite and the truth: one ``(B, C, H', W')`` tensor a layer."""

    raw: list[Tensor]
    composite: list[Tensor]
    image: list[Tensor]
    """Without gradient."""


class LossInput(NamedTuple):
    """One batch and a network's answer to it (shapes and polarity: :mod:`inlay.types`)."""

    raw: Tensor
    """``(B, 3, H, W)`` the network's answer."""
    composite: Tensor
    """``(B, 3, H, W)`` the answer in the hole, the truth elsewhere."""
    image: Tensor
    """``(B, 3, H, W)`` the truth."""
    mask: Tensor
    """``(B, 1, H, W)``, 1 = hole."""
    features: Features | None = None
    """Present when a term asks for them."""
    std: Tensor | None = None
    """``(3, 1, 1)`` the unit of each channel in the L1 of hole and valid pixels; None for 1."""
