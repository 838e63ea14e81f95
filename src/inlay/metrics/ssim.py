"""Structural similarity (Wang et al. 2004) at one scale and at several, of the whole picture and of the hole."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from inlay.metrics.base import FillResult, Metric, MetricSpec

WINDOW, SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # of a data range of 1
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM from the finest scale to the coarsest (Wang, Simoncelli and Bovik 2003)."""
MIN_SIDE = WINDOW * 2 ** (len(SCALES) - 1)
"""Pixels that the short side needs for the coarsest scale to hold a window: 176."""


class StructuralSimilarity(Metric):
    """Agreement of local means, variances and covariances.

    ==========================  ========================================================================================
    name                        formula
    ==========================  ========================================================================================
    ``ssim``                    Wang et al. 2004, eq. 13: Gaussian window of 11 pixels, sigma 1.5, data range 1, every
                                color channel by itself; pictures are mirrored about their outermost pixels. The mean of
                                the map over pixels and channels, then over pictures; in ``[-1, 1]``, higher is better
    ``ssim_hole``               the mean of that map over the pixels of all holes
    ``ms_ssim``                 Wang, Simoncelli and Bovik 2003, eq. 7: five scales, each the average over 2x2 pixels of
                                the finer; products of powers of the means over windows that lie inside the picture,
                                negative means count 0; in ``[0, 1]``, higher is better
    ``ms_ssim_hole``            MS-SSIM in which each scale's mean is over all windows, weighted with the share of a
                                pixel that is hole; the mean over pictures that have a hole
    ==========================  ========================================================================================

    Args:
        scales: whether to measure MS-SSIM, too; only pictures with a short side of at least 176 pixels have it.
    """

    def __init__(self, scales: bool = True) -> None:
        self.scales = scales
        whole = "Structural similarity of whole pictures: local means, variances and covariances; 1 is equal."
        in_hole = "Structural similarity around the pixels of the holes; 1 is equal."
        self.specs = [
            MetricSpec("ssim", "higher", about=whole),
            MetricSpec("ssim_hole", "higher", weight="hole_pixels", about=in_hole),
        ]
        if scales:
            several = "Structural similarity at five scales, {}; 1 is equal."
            self.specs += [
                MetricSpec("ms_ssim", "higher", about=several.format("of whole pictures")),
                MetricSpec("ms_ssim_hole", "higher", about=several.format("weighed with the hole")),
            ]

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        hole = (result.mask > 0.5).to(result.filled.dtype)
        similarity, structure = ssim_maps(result.filled, result.truth)
        columns = {
            "ssim": similarity.mean(dim=(1, 2, 3)),
            "ssim_hole": _weighted_mean(similarity, hole),
            "hole_pixels": hole.sum(dim=(1, 2, 3)),
        }
        if self.scales and min(hole.shape[-2:]) >= MIN_SIDE:
            columns["ms_ssim"], columns["ms_ssim_hole"] = _at_scales(result, hole, similarity, structure)
        return columns


def ssim_maps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The SSIM of every pixel's window, and its factor of contrast and structure alone.

    Args:
        a: ``(B, C, H, W)`` in ``[0, 1]``, sides of at least 6 pixels.
        b: ``(B, C, H, W)`` in ``[0, 1]``.

    Returns:
        Two of ``(B, C, H, W)``.
    """
    mean_a, mean_b, square_a, square_b, product = _gaussian_means(torch.stack([a, b, a * a, b * b, a * b]))
    squares = mean_a.square() + mean_b.square()
    covariance = product - mean_a * mean_b
    variances = (square_a + square_b - squares).clamp(min=0)  # rounding may leave less than none
    structure = (2 * covariance + _C2) / (variances + _C2)
    luminance = (2 * mean_a * mean_b + _C1) / (squares + _C1)
    return luminance * structure, structure


def _at_scales(result: FillResult, hole: Tensor, similarity: Tensor, structure: Tensor) -> tuple[Tensor, Tensor]:
    a, b = result.filled, result.truth
    inside = slice(WINDOW // 2, -(WINDOW // 2))
    whole, in_hole = torch.ones(2, len(a), dtype=a.dtype, device=a.device)
    for scale, power in enumerate(SCALES):
        if scale:
            a, b, hole = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2), F.avg_pool2d(hole, 2)
            similarity, structure = ssim_maps(a, b)
        last = scale == len(SCALES) - 1
        compared = similarity if last else structure
        whole = whole * compared[..., inside, inside].mean(dim=(1, 2, 3)).clamp(min=0) ** power
        in_hole = in_hole * _weighted_mean(compared, hole).clamp(min=0) ** power
    return whole, in_hole


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """The mean of ``(B, C, H, W)`` values with ``(B, 1, H, W)`` weights, ``(B,)``; NaN where all of them are 0."""
    return (values * weights).sum(dim=(1, 2, 3)) / (weights.sum(dim=(1, 2, 3)) * values.shape[1])


def _gaussian_means(x: Tensor) -> Tensor:
    """Gaussian means over windows. A matrix along each axis: on pictures a dense product beats short convolutions."""
    height, width = x.shape[-2:]
    rows, columns = _window(height, x.dtype, x.device), _window(width, x.dtype, x.device)
    return rows @ x @ columns.T


@cache
def _window(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``(size, size)``: row ``i`` holds the weights of the window around ``i``, mirrored about the outermost pixels."""
    half = WINDOW // 2
    bell = torch.exp(-torch.arange(-half, half + 1, dtype=torch.float64).square() / (2 * SIGMA**2))
    taken = F.pad(torch.arange(size, dtype=torch.float64)[None, None], (half, half), mode="reflect")[0, 0].long()
    weights = torch.zeros(size, size, dtype=torch.float64)
    for offset, weight in enumerate((bell / bell.sum()).tolist()):
        weights[torch.arange(size), taken[offset : offset + size]] += weight
    return weights.to(device, dtype)
