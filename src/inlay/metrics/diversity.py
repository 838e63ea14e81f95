"""How much several fills of the same hole differ."""

from itertools import combinations

import torch
from torch import Tensor
from typing_extensions import override

from inlay.metrics.base import FillResult, Metric, MetricSpec
from inlay.metrics.lpips import LPIPS


class Diversity(Metric):
    """Mean absolute difference in the hole over all pairs of samples; not measured for fewer than two.

    =======================  ===========================================================================================
    name                     formula
    =======================  ===========================================================================================
    ``diversity_l1_hole``    mean of ``|a - b|`` over the pixels and channels of all holes, and over pairs; in
                             ``[0, 1]``
    =======================  ===========================================================================================

    Higher is more diverse, neither better nor worse by itself: noise is very diverse, and a hole that leaves no choice
    should be filled alike each time. Read it beside a metric of quality.
    """

    needs_truth = False
    needs_samples = True
    specs = (
        MetricSpec(
            "diversity_l1_hole", "neither", weight="hole_pixels", about="L1 in the hole between fills by several seeds."
        ),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        if len(result.samples) < 2:
            return {}
        hole = result.mask > 0.5
        pixels = hole.sum(dim=(1, 2, 3)).to(result.filled.dtype)
        pairs = combinations(result.samples, 2)
        apart = torch.stack([((a - b).abs() * hole).sum(dim=(1, 2, 3)) for a, b in pairs]).mean(dim=0)
        return {"diversity_l1_hole": apart / (pixels * result.filled.shape[1]), "hole_pixels": pixels}


class DiversityLPIPS(Metric):
    """Mean LPIPS of whole pictures over all pairs of samples; not measured for fewer than two.

    ====================  ==============================================================================================
    name                  formula
    ====================  ==============================================================================================
    ``diversity_lpips``   mean of :class:`~inlay.metrics.LPIPS` of whole composites over pairs (Zhu et al. 2017), and
                          over pictures; at least 0, higher is more diverse. Only of pictures that LPIPS takes
    ====================  ==============================================================================================

    Args:
        lpips: the distance.
    """

    needs_truth = False
    needs_samples = True
    specs = (
        MetricSpec("diversity_lpips", "neither", about="LPIPS between fills by different seeds. Noise varies most."),
    )

    def __init__(self, lpips: LPIPS) -> None:
        self.lpips = lpips

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        if len(result.samples) < 2 or min(result.mask.shape[-2:]) < self.lpips.min_side:
            return {}
        pairs = combinations(result.samples, 2)
        return {"diversity_lpips": torch.stack([self.lpips.distance(a, b) for a, b in pairs]).mean(dim=0)}
