"""Growing and cleaning masks with round kernels whose sizes are shares of the short side."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def dilated(mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Grow the hole.

    Args:
        mask: ``(H, W)``, True = hole.
        share: width of the kernel as a share of the short side: the hole grows by half of it. 0 changes nothing.
    """
    return _morphed(mask, share, cv2.MORPH_DILATE)


def opened(mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Remove what is thinner than a kernel of a width that is a share of the short side, and leave the rest."""
    return _morphed(mask, share, cv2.MORPH_OPEN)


def kernel_size(share: float, side: int) -> int:
    """The odd number of pixels that is nearest to a share of a side: an even kernel has no middle and shifts a mask."""
    return 2 * round((share * side - 1) / 2) + 1 if share * side > 1 else 1


def _morphed(mask: NDArray[np.bool_], share: float, operation: int) -> NDArray[np.bool_]:
    size = kernel_size(share, min(mask.shape))
    if size == 1:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    morphed: NDArray[Any] = cv2.morphologyEx(mask.astype(np.uint8), operation, kernel)
    return morphed.view(np.bool_)
