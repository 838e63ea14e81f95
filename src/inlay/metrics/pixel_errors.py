"""The error of pixels: L1, MSE, PSNR, of the whole picture and of the hole alone."""

from torch import Tensor
from typing_extensions import override

from inlay.metrics.base import FillResult, Metric, MetricSpec


def _psnr(name: str, column: str, weight: str, about: str) -> MetricSpec:
    return MetricSpec(name, "higher", column, weight, decibel=True, about=about)


class PixelErrors(Metric):
    """Distances between the pixels of a filled picture and those of the truth.

    ========================  ==========================================================================================
    name                      formula
    ========================  ==========================================================================================
    ``l1``, ``l1_hole``       mean of ``|a - b|`` over pixels and channels, in ``[0, 1]``, lower is better
    ``mse``, ``mse_hole``     mean of ``(a - b)**2``, in ``[0, 1]``, lower is better
    ``psnr``, ``psnr_hole``   ``-10 log10(MSE)`` in dB, higher is better. The squared error is pooled over all pixels
                              (of the holes) of all pictures: one perfect picture cannot make it infinite
    ========================  ==========================================================================================
    """

    specs = (
        MetricSpec("l1", "lower", weight="pixels", about="Mean absolute error of all pixels; known pixels count too."),
        MetricSpec("mse", "lower", weight="pixels", about="Mean squared error of all pixels; known pixels count too."),
        _psnr("psnr", "mse", "pixels", "PSNR of whole pictures, from their pooled squared error."),
        MetricSpec("l1_hole", "lower", weight="hole_pixels", about="Mean absolute error of the pixels in the holes."),
        MetricSpec("mse_hole", "lower", weight="hole_pixels", about="Mean squared error of the pixels in the holes."),
        _psnr("psnr_hole", "mse_hole", "hole_pixels", "PSNR of the holes' pixels, pooled alike. It rewards blur."),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        error = result.filled - result.truth  # (B, 3, H, W)
        hole = result.mask > 0.5
        in_hole = error * hole
        pixels = hole.new_full((len(error),), error[0, 0].numel(), dtype=error.dtype)
        hole_pixels = hole.sum(dim=(1, 2, 3)).to(error.dtype)
        hole_values = hole_pixels * error.shape[1]
        return {
            "pixels": pixels,
            "hole_pixels": hole_pixels,
            "l1": error.abs().mean(dim=(1, 2, 3)),
            "mse": error.square().mean(dim=(1, 2, 3)),
            "l1_hole": in_hole.abs().sum(dim=(1, 2, 3)) / hole_values,  # 0 / 0 is NaN where there is no hole
            "mse_hole": in_hole.square().sum(dim=(1, 2, 3)) / hole_values,
        }
