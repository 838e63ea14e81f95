"""The measures of TDANet's official evaluation, for comparison with figures published by it and by nothing else."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

_LUMA = np.array([0.299, 0.587, 0.114])


def legacy_tdanet(truth: NDArray[np.uint8], filled: NDArray[np.uint8]) -> dict[str, float]:
    """Measure 8-bit pictures as the official code does (specification, section 4.5); use nothing of this otherwise.

    All of it on gray pictures in ``[0, 1]``:

    ========  ==========================================================================================================
    name      formula
    ========  ==========================================================================================================
    ``l1``    ``sum |a - b| / sum (a + b)``, lower is better
    ``psnr``  ``-10 log10 mean (a - b)^2`` of one picture, infinite for equal ones, higher is better
    ``tv``    mean length of the gradient of ``filled``, by differences that wrap around at the edges
    ``ssim``  taken of each *column* by itself, as if columns were color channels, sigma 1.5; its data range is that of
              ``filled``, not 1. Higher is better; not comparable with any other SSIM
    ========  ==========================================================================================================

    Args:
        truth: ``(H, W, 3)`` RGB, at least 11 rows.
        filled: likewise.
    """
    a, b = truth @ _LUMA / 255, filled @ _LUMA / 255
    return {
        "l1": float(np.abs(a - b).sum() / (a + b).sum()),
        "psnr": _psnr(a, b),
        "tv": float(np.hypot(np.roll(b, -1, axis=0) - b, np.roll(b, -1, axis=1) - b).mean()),
        "ssim": float(
            structural_similarity(  # type: ignore[no-untyped-call]
                a, b, channel_axis=1, gaussian_weights=True, sigma=1.5, data_range=np.ptp(b)
            )
        ),
    }


def _psnr(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    error = float(np.square(a - b).mean())
    return -10 * float(np.log10(error)) if error else float("inf")
