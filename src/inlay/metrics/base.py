"""What a metric is: numbers of single pictures, and how they become one number of many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class FillResult(NamedTuple):
    """Filled pictures, and what they are measured against."""

    filled: Tensor
    """``(B, 3, H, W)`` in ``[0, 1]``, float32 or float64."""
    image: Tensor
    """``(B, 3, H, W)`` the truth, likewise."""
    mask: Tensor
    """``(B, 1, H, W)``, 1 = hole."""
    captions: Sequence[str] = ()
    """What the holes were to become, one a picture; none for a filler that takes no text."""
    samples: Sequence[Tensor] = ()
    """Other answers to the same holes, each shaped as ``filled``; none for a filler with a single one."""


@dataclass(frozen=True)
class MetricSpec:
    """How the numbers of pictures become a metric: a mean, weighed or not, and perhaps its logarithm.

    Attributes:
        name: of the metric, and of its column unless that is named.
        better: which way is better; ``neither`` for a description.
        column: the number of a picture that the mean is taken of.
        weight: the number that says how much a picture weighs, such as its pixels of hole; empty: all weigh the same.
        decibel: whether the metric is ``-10 log10`` of the mean: PSNR, never a mean of logarithms.
        about: what it says, in a line for readers of tables.
    """

    name: str
    better: Literal["higher", "lower", "neither"]
    column: str = ""
    weight: str = ""
    decibel: bool = False
    about: str = ""

    @property
    def higher_is_better(self) -> bool | None:
        """The direction as torchmetrics declares it; None for a description."""
        return None if self.better == "neither" else self.better == "higher"

    @property
    def of(self) -> str:
        """The column."""
        return self.column or self.name

    def finish(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted means to values of the metric; infinite where a PSNR has no error, NaN stays NaN."""
        if not self.decibel:
            return mean
        with np.errstate(divide="ignore"):
            return np.asarray(-10 * np.log10(mean))


class Metric(Protocol):
    """Measures answers, picture by picture."""

    @property
    def metrics(self) -> Sequence[MetricSpec]:
        """What comes of it."""
        ...

    def __call__(self, answer: FillResult) -> Mapping[str, Tensor]:
        """The columns of its metrics, ``(B,)`` each; none where they mean nothing for these answers.

        A number is NaN where a picture has nothing to measure (no hole, no edge); it counts nothing then.
        """
        ...
