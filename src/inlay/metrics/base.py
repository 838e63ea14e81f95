"""What a metric is: numbers of single pictures, and how they become one number of many."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from inlay.errors import InlayError


class FillResult(NamedTuple):
    """A batch of filled pictures, and what is known of them."""

    filled: Tensor
    """``(B, 3, H, W)`` in ``[0, 1]``, float32 or float64."""
    mask: Tensor
    """``(B, 1, H, W)``, 1 = hole."""
    image: Tensor | None = None
    """``(B, 3, H, W)`` the true pictures in ``[0, 1]``; None where there are none (an object was removed)."""
    captions: Sequence[str] = ()
    """One caption per picture that the filler was given; empty for a filler that takes no text."""
    samples: Sequence[Tensor] = ()
    """Fills of the same holes by several seeds, each shaped as ``filled``; empty for a deterministic filler."""

    @property
    def truth(self) -> Tensor:
        """``image``. Raises :class:`InlayError` where there is none."""
        if self.image is None:
            raise InlayError("this metric compares with the true picture: give image, or use one that needs no truth.")
        return self.image


@dataclass(frozen=True)
class MetricSpec:
    """How the numbers of pictures become a metric: their weighted mean, and for PSNR its logarithm.

    Attributes:
        name: of the metric.
        better: which direction is better; ``neither`` for a description.
        column: the number per picture that is averaged; by default the one called ``name``.
        weight: the column that weighs pictures, such as their pixels of hole; empty: all weigh 1.
        decibel: whether the metric is ``-10 log10`` of the mean, as PSNR is (never a mean of logarithms).
        about: its meaning, in a line for readers of tables.
    """

    name: str
    better: Literal["higher", "lower", "neither"]
    column: str = ""
    weight: str = ""
    decibel: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        if not self.column:
            object.__setattr__(self, "column", self.name)

    @property
    def higher_is_better(self) -> bool | None:
        """The direction as torchmetrics declares it; None for a description."""
        return None if self.better == "neither" else self.better == "higher"

    def finish(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn weighted means into values of the metric; a PSNR without error is infinite, NaN stays NaN."""
        if not self.decibel:
            return mean
        with np.errstate(divide="ignore"):
            return np.asarray(-10 * np.log10(mean))


class Metric(Protocol):
    """Measures filled pictures one by one. To write one, derive from it: a class and a yaml in ``conf/probe``."""

    version: int = 1
    """To be raised when its numbers change: those that were measured by another version are measured again."""
    needs_truth: bool = True
    """Whether it compares with the true picture; otherwise it also measures fills of pictures without one."""
    needs_samples: bool = False
    """Whether it compares several fills of the same hole by different seeds."""
    specs: Sequence[MetricSpec]
    """The metrics that its columns make."""

    @abstractmethod
    def __call__(self, result: FillResult) -> Mapping[str, Tensor]:
        """Measure a batch.

        Returns:
            By name the columns that ``specs`` mention, ``(B,)`` each; empty where the metric does not apply to the
            batch. NaN where a picture has nothing to measure (no hole, no edge): it is left out of the mean.
        """
        ...


class FeatureExtractor(Metric):
    """Makes features of pictures, whose distributions are compared (FID, KID); of a single picture it tells nothing."""

    needs_truth = False
    specs = ()

    @abstractmethod
    def features(self, pictures: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in ``[0, 1]`` to ``(B, D)`` float32."""

    @override
    def __call__(self, result: FillResult) -> Mapping[str, Tensor]:
        return {}


def measure(metric: Metric, result: FillResult) -> dict[str, float]:
    """Measure filled pictures: the value of each of a metric's specs over the batch.

    Args:
        metric: such as ``TotalVariation()``, which needs no truth.
        result: the filled pictures.

    Returns:
        By name; absent where the metric does not apply, NaN where no picture has anything to measure.

    Raises:
        InlayError: the metric needs the true pictures, and ``result`` has none.
    """
    columns = {name: column.double().cpu().numpy() for name, column in metric(result).items()}
    values = {}
    for spec in metric.specs:
        if spec.column in columns:
            numbers = columns[spec.column]
            weights = columns[spec.weight] if spec.weight else np.ones_like(numbers)
            counted = (weights > 0) & ~np.isnan(numbers)
            total = weights[counted].sum()
            mean = (numbers[counted] * weights[counted]).sum() / total if total else np.nan
            values[spec.name] = float(spec.finish(np.array(mean)))
    return values
