"""Fillers that learn nothing: the yardsticks beside every network."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from inlay.fillers.base import Filler
from inlay.ops import composite, erase


class MeanFill(Filler):
    """Every hole gets the mean color of the known pixels (mid-gray where nothing is known)."""

    def fill(self, image: Tensor, mask: Tensor, text: Sequence[str] | None = None, seed: int | None = None) -> Tensor:
        """See :class:`~inlay.fillers.Filler`."""
        known = (1 - mask).sum(dim=(2, 3), keepdim=True)  # (B, 1, 1, 1)
        mean = erase(image, mask).sum(dim=(2, 3), keepdim=True) / known.clamp(min=1)
        mean = torch.where(known > 0, mean, torch.full_like(mean, 0.5))
        return composite(mean.expand_as(image), image, mask)


class OpenCVFill(Filler):
    """OpenCV's inpainting of 8-bit pictures.

    Args:
        algorithm: ``cv2.INPAINT_TELEA`` or ``cv2.INPAINT_NS``.
        radius: of the neighborhood that a pixel is computed from, in pixels.
    """

    def __init__(self, algorithm: int, radius: float = 3.0) -> None:
        self.algorithm = algorithm
        self.radius = radius

    def fill(self, image: Tensor, mask: Tensor, text: Sequence[str] | None = None, seed: int | None = None) -> Tensor:
        """See :class:`~inlay.fillers.Filler`."""
        filled = [self._fill_one(i, m) for i, m in zip(erase(image, mask), mask, strict=True)]
        return composite(torch.stack(filled).to(image), image, mask)

    def _fill_one(self, masked: Tensor, mask: Tensor) -> Tensor:
        pixels = (masked.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        hole = mask[0].byte().cpu().numpy()
        filled = cv2.inpaint(np.ascontiguousarray(pixels), hole, self.radius, self.algorithm)
        return torch.from_numpy(filled).permute(2, 0, 1).float() / 255


class Telea(OpenCVFill):
    """Fast marching (Telea 2004)."""

    def __init__(self, radius: float = 3.0) -> None:
        super().__init__(cv2.INPAINT_TELEA, radius)


class NavierStokes(OpenCVFill):
    """Navier-Stokes (Bertalmio, Bertozzi and Sapiro 2001)."""

    def __init__(self, radius: float = 3.0) -> None:
        super().__init__(cv2.INPAINT_NS, radius)
