"""The error in the hole, and nothing else."""

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MetricCollection
from torchmetrics.image import PeakSignalNoiseRatio


class HoleErrors(nn.Module):
    """``psnr_hole`` and ``l1_hole`` of predictions beside the one that is evaluated.

    Formulas, ranges and directions are those of :class:`~inlay.metrics.InpaintingMetrics`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.metrics = MetricCollection(
            {"psnr_hole": PeakSignalNoiseRatio(data_range=1.0), "l1_hole": MeanAbsoluteError()}, compute_groups=False
        )

    @torch.no_grad()
    def update(self, raw: Tensor, image: Tensor, mask: Tensor) -> None:
        """Add a batch.

        Args:
            raw: ``(B, 3, H, W)``, clamped to ``[0, 1]`` here.
            image: ``(B, 3, H, W)`` the truth in ``[0, 1]``.
            mask: ``(B, 1, H, W)``, 1 = hole.
        """
        hole = (mask > 0.5).expand_as(image)
        self.metrics.update(raw.float().clamp(0, 1)[hole], image.float()[hole])

    def compute(self) -> dict[str, Tensor]:
        """Both metrics by name, over all batches since :meth:`reset`; NaN without any."""
        return dict(self.metrics.compute())

    def reset(self) -> None:
        """Forget all batches."""
        self.metrics.reset()
