"""How much several answers to the same hole differ."""

from itertools import combinations

import torch
from torch import Tensor

from inlay.metrics.base import FillResult, MetricSpec
from inlay.metrics.lpips import LPIPS


class Diversity:
    """Mean distances over all pairs of an answer's samples; none for fewer than two.

    =======================  ===========================================================================================
    name                     formula
    =======================  ===========================================================================================
    ``diversity_l1_hole``    mean of ``|a - b|`` over the pixels and channels of all holes, and over pairs; in
                             ``[0, 1]``
    ``diversity_lpips``      mean of :class:`~inlay.metrics.LPIPS` of whole composites over pairs (Zhu et al. 2017), and
                             over pictures; at least 0. Only with ``lpips``, and for pictures that it takes
    =======================  ===========================================================================================

    Higher is more diverse, neither better nor worse by itself: noise is very diverse, and a hole that leaves no choice
    should be filled alike each time. Read them beside a measure of quality.

    Args:
        lpips: the distance; None leaves ``diversity_lpips`` out.
    """

    def __init__(self, lpips: LPIPS | None = None) -> None:
        self.lpips = lpips
        about = "LPIPS between answers to different seeds. Noise varies most."
        seen = (MetricSpec("diversity_lpips", "neither", about=about),) if lpips else ()
        self.metrics = (
            MetricSpec(
                "diversity_l1_hole",
                "neither",
                weight="hole_pixels",
                about="Mean absolute difference in the hole between answers to different seeds. Noise varies most.",
            ),
            *seen,
        )

    def __call__(self, answer: FillResult) -> dict[str, Tensor]:
        """See :class:`~inlay.metrics.Metric`."""
        if len(answer.samples) < 2:
            return {}
        pairs = list(combinations(answer.samples, 2))
        hole = answer.mask > 0.5
        pixels = hole.sum(dim=(1, 2, 3)).to(answer.image.dtype)
        apart = torch.stack([((a - b).abs() * hole).sum(dim=(1, 2, 3)) for a, b in pairs]).mean(dim=0)
        columns = {"diversity_l1_hole": apart / (pixels * answer.image.shape[1]), "hole_pixels": pixels}
        if self.lpips and min(hole.shape[-2:]) >= self.lpips.least_side:
            columns["diversity_lpips"] = torch.stack([self.lpips.distance(a, b) for a, b in pairs]).mean(dim=0)
        return columns
