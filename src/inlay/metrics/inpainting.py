"""The metrics of validation: of all pictures, and by hole ratio."""

from dataclasses import replace

import torch
from torch import Tensor
from torchmetrics import Metric as State

from inlay.buckets import NAMES, place
from inlay.metrics.base import FillResult, MetricSpec
from inlay.metrics.psnr_l1 import Fidelity
from inlay.metrics.similarity import Similarity

_MEASURES = (Fidelity(), Similarity(scales=False))
_KNOWN: dict[str, MetricSpec] = {metric.name: metric for measure in _MEASURES for metric in measure.metrics}
_SHOWN = [_KNOWN[name] for name in ("psnr", "psnr_hole", "ssim", "ssim_hole", "l1", "l1_hole")]


class InpaintingMetrics(State):
    """PSNR, SSIM and L1 of composites, each for the whole picture and for the hole, over all and by hole ratio.

    Formulas, ranges and directions: :class:`~inlay.metrics.Fidelity` and :class:`~inlay.metrics.Similarity`.

    The states are sums over pictures and reduce over processes, so the result does not depend on batch size or world
    size.

    Args:
        all_processes: whether all of them measure; one that does so alone must not wait for the others.
    """

    scores = (*_SHOWN, *(replace(metric, name=f"{metric.name}/{bucket}") for metric in _SHOWN for bucket in NAMES))
    """What :meth:`compute` may answer with, and which way it is better; beside these it counts pictures."""
    sums: Tensor

    def __init__(self, all_processes: bool = True) -> None:
        super().__init__(sync_on_compute=all_processes)
        # By bucket: the pictures, then of each metric the weighted sum of its column and the sum of its weights.
        self.add_state("sums", torch.zeros(len(NAMES) + 2, 1 + 2 * len(_SHOWN)), dist_reduce_fx="sum")

    @torch.no_grad()
    def update(self, composite: Tensor, image: Tensor, mask: Tensor) -> None:
        """Take in a batch.

        Args:
            composite: ``(B, 3, H, W)``, clamped to ``[0, 1]`` here as a file would clamp it; sides of at least 6.
            image: ``(B, 3, H, W)`` the truth in ``[0, 1]``.
            mask: ``(B, 1, H, W)``, 1 = hole.
        """
        answer = FillResult(composite.float().clamp(0, 1), image.float(), mask)
        with torch.autocast(image.device.type, enabled=False):  # in bfloat16 a window's variance is lost in rounding
            columns = {name: column for measure in _MEASURES for name, column in measure(answer).items()}
        one = torch.ones_like(columns["pixels"])
        terms = [one]
        for metric in _SHOWN:
            weight = columns[metric.weight] if metric.weight else one
            terms += [torch.where(weight > 0, columns[metric.of] * weight, 0), weight]
        places = place((mask > 0.5).sum(dim=(1, 2, 3)), mask[0].numel())
        self.sums.index_add_(0, torch.as_tensor(places), torch.stack(terms, dim=1))

    def compute(self) -> dict[str, Tensor]:
        """By name over all that was taken in since ``reset``, and ``name/20-30`` over a bucket that has pictures.

        ``pictures/20-30`` counts them. NaN for holes where there were none.
        """
        values = self._means(self.sums.sum(dim=0))
        for bucket, sums in zip(NAMES, self.sums[1 : len(NAMES) + 1], strict=True):
            if sums[0] > 0:
                split = self._means(sums) | {"pictures": sums[0]}
                values |= {f"{name}/{bucket}": value for name, value in split.items()}
        return values

    def _means(self, sums: Tensor) -> dict[str, Tensor]:
        means = sums[1::2] / sums[2::2]
        return {
            metric.name: -10 * torch.log10(mean) if metric.decibel else mean
            for metric, mean in zip(_SHOWN, means, strict=True)
        }
