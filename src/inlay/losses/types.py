"""The inputs of a loss term."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

Levels = Mapping[str, Tensor]
"""Deep features of a batch, ``(B, C, H', W')`` by the name of their layer."""


class Features(NamedTuple):
    """Deep features of a network's output, its composite and the target, by one extractor."""

    raw: Levels
    composite: Levels
    """Empty where no term asks for it."""
    target: Levels
    """Without gradient."""


class LossInput(NamedTuple):
    """A batch and a network's output for it (shapes and polarity: :mod:`inlay.types`)."""

    raw: Tensor
    """``(B, 3, H, W)`` the network's output."""
    composite: Tensor
    """``(B, 3, H, W)`` the output in the hole, the known pixels elsewhere."""
    target: Tensor
    """``(B, 3, H, W)`` what the output should be."""
    mask: Tensor
    """``(B, 1, H, W)``, 1 = hole."""
    features: Mapping[str, Features] = {}
    """By the name of the extractor, of those that terms ask for."""
    std: Tensor | None = None
    """``(3, 1, 1)`` the unit of each channel in the L1 of hole and valid pixels; None for 1."""
    stages: Sequence[Tensor] = ()
    """``(B, 3, H, W)`` each: what a network that goes from coarse to fine made before ``raw``."""
