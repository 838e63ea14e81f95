"""The metrics of validation: of all pictures, by hole ratio, and of a prediction beside the evaluated one."""

from dataclasses import replace

import torch
import torchmetrics
from torch import Tensor, nn
from torchmetrics.image import PeakSignalNoiseRatio

from inlay.buckets import NAMES, place
from inlay.metrics.base import FillResult, MetricSpec
from inlay.metrics.pixel_errors import PixelErrors
from inlay.metrics.ssim import StructuralSimilarity

_METRICS = (PixelErrors(), StructuralSimilarity(scales=False))
_SPECS: dict[str, MetricSpec] = {spec.name: spec for metric in _METRICS for spec in metric.specs}
_SHOWN = [_SPECS[name] for name in ("psnr", "psnr_hole", "ssim", "ssim_hole", "l1", "l1_hole")]


class InpaintingMetrics(torchmetrics.Metric):
    """PSNR, SSIM and L1 of composites, each for the whole picture and for the hole, over all and by hole ratio.

    Formulas, ranges and directions: :class:`~inlay.metrics.PixelErrors` and
    :class:`~inlay.metrics.StructuralSimilarity`.

    The states are sums over pictures and reduce over processes, so the result does not depend on batch size or world
    size.

    Args:
        all_processes: whether all of them measure; one that does so alone must not wait for the others.
    """

    scores = (*_SHOWN, *(replace(metric, name=f"{metric.name}/{bucket}") for metric in _SHOWN for bucket in NAMES))
    """The names that :meth:`compute` may return, beside counts of pictures, and their directions."""
    sums: Tensor

    def __init__(self, all_processes: bool = True) -> None:
        super().__init__(sync_on_compute=all_processes)
        # By bucket: the pictures, then of each metric the weighted sum of its column and the sum of its weights.
        self.add_state("sums", torch.zeros(len(NAMES) + 2, 1 + 2 * len(_SHOWN)), dist_reduce_fx="sum")

    @torch.no_grad()
    def update(self, composite: Tensor, image: Tensor, mask: Tensor) -> None:
        """Add a batch.

        Args:
            composite: ``(B, 3, H, W)``, clamped to ``[0, 1]`` here as a file would clamp it; sides of at least 6.
            image: ``(B, 3, H, W)`` the truth in ``[0, 1]``.
            mask: ``(B, 1, H, W)``, 1 = hole.
        """
        result = FillResult(composite.float().clamp(0, 1), mask, image.float())
        with torch.autocast(image.device.type, enabled=False):  # in bfloat16 a window's variance is lost in rounding
            columns = {name: column for metric in _METRICS for name, column in metric(result).items()}
        one = torch.ones_like(columns["pixels"])
        terms = [one]
        for metric in _SHOWN:
            weight = columns[metric.weight] if metric.weight else one
            terms += [torch.where(weight > 0, columns[metric.column] * weight, 0), weight]
        places = place((mask > 0.5).sum(dim=(1, 2, 3)), mask[0].numel())
        self.sums.index_add_(0, torch.as_tensor(places), torch.stack(terms, dim=1))

    def compute(self) -> dict[str, Tensor]:
        """By name over all batches since ``reset``, and as ``name/20-30`` over each bucket that has pictures.

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


class HoleErrors(nn.Module):
    """``psnr_hole`` and ``l1_hole`` of predictions beside the one that is evaluated.

    Formulas, ranges and directions are those of :class:`~inlay.metrics.InpaintingMetrics`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.metrics = torchmetrics.MetricCollection(
            {"psnr_hole": PeakSignalNoiseRatio(data_range=1.0), "l1_hole": torchmetrics.MeanAbsoluteError()},
            compute_groups=False,
        )

    @torch.no_grad()
    def update(self, raw: Tensor, image: Tensor, mask: Tensor) -> None:
        """Add a batch; ``raw`` ``(B, 3, H, W)`` is clamped to ``[0, 1]``, the others as in a batch."""
        hole = (mask > 0.5).expand_as(image)
        self.metrics.update(raw.float().clamp(0, 1)[hole], image.float()[hole])

    def compute(self) -> dict[str, Tensor]:
        """Both metrics by name, over all batches since :meth:`reset`; NaN without any."""
        return dict(self.metrics.compute())

    def reset(self) -> None:
        """Forget all batches."""
        self.metrics.reset()
