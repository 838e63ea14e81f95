"""How rough a filled picture is."""

import torch
from torch import Tensor
from typing_extensions import override

from inlay.metrics.base import FillResult, Metric, MetricSpec


class TotalVariation(Metric):
    """Total variation of filled pictures. It needs no truth, describes and does not judge: blur has a small one.

    ===========  =======================================================================================================
    name         formula
    ===========  =======================================================================================================
    ``tv``       mean of ``|x[i, j+1] - x[i, j]|`` plus mean of ``|x[i+1, j] - x[i, j]|``, in ``[0, 2]``
    ``tv_hole``  twice the mean difference over all pairs of neighbors that are both hole
    ===========  =======================================================================================================
    """

    needs_truth = False
    specs = (
        MetricSpec("tv", "neither", about="Total variation: roughness. Real pictures have some, too; blur has little."),
        MetricSpec(
            "tv_hole",
            "neither",
            weight="hole_pairs",
            about="Total variation inside the holes: roughness. Real pictures have some, too; blur has little.",
        ),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        hole = (result.mask > 0.5).to(result.filled.dtype)
        whole, in_hole, pairs = _along(result.filled, hole, 2) + _along(result.filled, hole, 3)
        return {"tv": whole, "tv_hole": 2 * in_hole / (pairs * result.filled.shape[1]), "hole_pairs": pairs}


def _along(x: Tensor, hole: Tensor, axis: int) -> Tensor:
    """``(3, B)`` along an axis: the mean difference of neighbors, its sum over pairs in the hole, their number."""
    steps, length = x.diff(dim=axis).abs(), x.shape[axis] - 1
    both = hole.narrow(axis, 0, length) * hole.narrow(axis, 1, length)
    return torch.stack([steps.mean(dim=(1, 2, 3)), (steps * both).sum(dim=(1, 2, 3)), both.sum(dim=(1, 2, 3))])
