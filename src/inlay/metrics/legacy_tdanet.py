"""The metrics of TDANet's official evaluation, for comparison with figures published by it and by nothing else."""

from typing import Literal

import numpy as np
import skimage  # imports the part that is asked for, when it is asked for
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from inlay.metrics.base import FillResult, Metric, MetricSpec

_LUMA = np.array([0.299, 0.587, 0.114])
_MIN_ROWS = 11


def _spec(name: str, better: Literal["higher", "lower", "neither"], what: str) -> MetricSpec:
    about = f"{what} as TDANet's code has it: for published figures alone."
    return MetricSpec(f"{name}_legacy", better, weight=f"{name}_legacy_finite", about=about)


class LegacyTDANet(Metric):
    """:func:`legacy_tdanet` of every picture, rounded to 8 bit as a file would be; the mean over pictures.

    =================  =================================================================================================
    name               what it is
    =================  =================================================================================================
    ``l1_legacy``      relative error in ``[0, 1]``, lower is better
    ``psnr_legacy``    in dB, higher is better. A mean of logarithms, unlike ``psnr``; exact pictures are left out,
                       which would make it infinite
    ``tv_legacy``      roughness of the filled picture, in ``[0, sqrt(2)]``; it describes and does not judge
    ``ssim_legacy``    in ``[-1, 1]``, higher is better; only pictures with at least 11 rows have it, and fills of
                       a single gray are left out
    =================  =================================================================================================

    The official code also keeps the best of several fills of each picture, chosen by the truth. Here every fill
    counts.
    """

    specs = (
        _spec("l1", "lower", "Relative error of gray pictures"),
        _spec("psnr", "higher", "Mean PSNR of gray pictures in dB,"),
        _spec("tv", "neither", "Roughness of gray pictures"),
        _spec("ssim", "higher", "SSIM of gray pictures column by column,"),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        pairs = zip(_bytes(result.truth), _bytes(result.filled), strict=True)
        measured = [legacy_tdanet(truth, filled) for truth, filled in pairs]
        columns = {}
        for name in measured[0]:
            values = torch.tensor([each[name] for each in measured], dtype=torch.float64).to(result.filled)
            columns[f"{name}_legacy"] = values.where(values.isfinite(), torch.nan)
            columns[f"{name}_legacy_finite"] = values.isfinite().to(values)
        return columns


def legacy_tdanet(truth: NDArray[np.uint8], filled: NDArray[np.uint8]) -> dict[str, float]:
    """Measure 8-bit pictures as the official code does (specification, section 4.5); use nothing of this otherwise.

    All of it on gray pictures in ``[0, 1]``:

    ========  ==========================================================================================================
    name      formula
    ========  ==========================================================================================================
    ``l1``    ``sum |a - b| / sum (a + b)``, lower is better; NaN if both are black
    ``psnr``  ``-10 log10 mean (a - b)^2`` of one picture, infinite for equal ones, higher is better
    ``tv``    mean length of the gradient of ``filled``, by differences that wrap around at the edges
    ``ssim``  taken of each *column* by itself, as if columns were color channels, sigma 1.5; its data range is that of
              ``filled``, not 1. Higher is better; not comparable with any other SSIM. NaN of a single gray; absent
              below 11 rows, where no window fits
    ========  ==========================================================================================================

    Args:
        truth: ``(H, W, 3)`` RGB.
        filled: ``(H, W, 3)`` RGB.
    """
    a, b = truth @ _LUMA / 255, filled @ _LUMA / 255
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = {
            "l1": float(np.abs(a - b).sum() / (a + b).sum()),
            "psnr": -10 * float(np.log10(np.square(a - b).mean())),
            "tv": float(np.hypot(np.roll(b, -1, axis=0) - b, np.roll(b, -1, axis=1) - b).mean()),
        }
    if len(a) >= _MIN_ROWS:
        reach = round(float(np.ptp(b)), 12)  # without the rounding errors that a single gray has
        options = {"channel_axis": 1, "gaussian_weights": True, "sigma": 1.5, "data_range": reach}
        ssim = skimage.metrics.structural_similarity
        measured["ssim"] = float(ssim(a, b, **options)) if reach else np.nan  # type: ignore[no-untyped-call]
    return measured


def _bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """``(B, 3, H, W)`` in ``[0, 1]`` to ``(B, H, W, 3)``."""
    rounded: NDArray[np.uint8] = (pictures * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return rounded
