"""Colorfulness (Hasler and Suesstrunk 2003): of a filled picture alone."""

from collections.abc import Mapping

from torch import Tensor

from inlay.metrics.base import FillResult, Metric, MetricSpec


class Colorfulness(Metric):
    """How colorful filled pictures are."""

    needs_truth = False
    specs = (MetricSpec("colorfulness", "neither", about="of the whole picture"),)

    def __call__(self, result: FillResult) -> Mapping[str, Tensor]:
        """``std + 0.3 * mean`` of the opponent colors, ``(B,)``."""
        red, green, blue = result.filled.double().flatten(2).unbind(1)  # (B, N)
        rg, yb = red - green, (red + green) / 2 - blue
        std = (rg.var(1, correction=0) + yb.var(1, correction=0)).sqrt()
        return {"colorfulness": std + 0.3 * (rg.mean(1).square() + yb.mean(1).square()).sqrt()}
