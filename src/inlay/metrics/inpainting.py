"""Reference metrics of a fill, for the whole picture and for the hole alone."""

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanMetric, MetricCollection
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image import PeakSignalNoiseRatio


class InpaintingMetrics(nn.Module):
    """PSNR, SSIM and L1 of composites, each for the whole picture and for the hole.

    ========================  ================================================================================
    name                      formula
    ========================  ================================================================================
    ``psnr``, ``psnr_hole``   ``-10 log10(MSE)`` in dB, higher is better. The squared error is pooled over all
                              pixels (of the holes) of all pictures: never a mean of logarithms, so one perfect
                              picture cannot make it infinite
    ``ssim``, ``ssim_hole``   Wang et al. 2004, Gaussian window of 11, sigma 1.5, data range 1, in ``[-1, 1]``,
                              higher is better; the mean over pixels, then over pictures; in the hole, the mean
                              over all hole pixels of the SSIM map
    ``l1``, ``l1_hole``       mean absolute error in ``[0, 1]``, lower is better
    ========================  ================================================================================

    States reduce over processes, so the result does not depend on batch size or world size.

    Args:
        all_processes: whether all of them measure; one that does so alone must not wait for the others.
    """

    def __init__(self, all_processes: bool = True) -> None:
        super().__init__()
        self.metrics = MetricCollection(
            {
                "psnr": PeakSignalNoiseRatio(data_range=1.0, sync_on_compute=all_processes),
                "psnr_hole": PeakSignalNoiseRatio(data_range=1.0, sync_on_compute=all_processes),
                "ssim": MeanMetric(sync_on_compute=all_processes),
                "ssim_hole": MeanMetric(sync_on_compute=all_processes),
                "l1": MeanAbsoluteError(sync_on_compute=all_processes),
                "l1_hole": MeanAbsoluteError(sync_on_compute=all_processes),
            },
            compute_groups=False,  # each is given pixels of its own
        )

    @torch.no_grad()
    def update(self, composite: Tensor, image: Tensor, mask: Tensor) -> None:
        """Take in a batch.

        Args:
            composite: ``(B, 3, H, W)``, clamped to ``[0, 1]`` here as a file would clamp it; at least 11x11.
            image: ``(B, 3, H, W)`` the truth in ``[0, 1]``.
            mask: ``(B, 1, H, W)``, 1 = hole.
        """
        # torchmetrics flattens with .view, which channels_last tensors refuse
        filled, image = composite.float().clamp(0, 1).contiguous(), image.float().contiguous()
        hole = (mask > 0.5).expand_as(image)
        with torch.autocast(image.device.type, enabled=False):  # in bfloat16 a window's variance is lost in rounding
            similarity, ssim_map = structural_similarity_index_measure(
                filled, image, data_range=1.0, reduction="none", return_full_image=True
            )
        self.metrics["psnr"].update(filled, image)
        self.metrics["l1"].update(filled, image)
        self.metrics["ssim"].update(similarity)
        self.metrics["psnr_hole"].update(filled[hole], image[hole])
        self.metrics["l1_hole"].update(filled[hole], image[hole])
        self.metrics["ssim_hole"].update(ssim_map[hole])

    def compute(self) -> dict[str, Tensor]:
        """Every metric by name, over all that was taken in since :meth:`reset`; NaN for the hole if there was none."""
        return dict(self.metrics.compute())

    def reset(self) -> None:
        """Forget everything."""
        self.metrics.reset()
