"""Fillers that learn nothing: the baselines beside every network. They run on the CPU."""

from abc import abstractmethod
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

import inlay
from inlay.errors import InlayError
from inlay.fillers.base import Filler

_GRAY = 0.5
"""The color of a hole in a picture of which nothing is known."""


class MeanFill(Filler):
    """Every hole gets the mean color of the known pixels (mid-gray where nothing is known)."""

    identity = f"Inlay {inlay.__version__}"

    @override
    def predict(self, masked: Tensor, mask: Tensor, **unused: Any) -> Tensor:
        known = (1 - mask).sum(dim=(2, 3), keepdim=True)  # (B, 1, 1, 1)
        mean = masked.sum(dim=(2, 3), keepdim=True) / known.clamp(min=1)
        return torch.where(known > 0, mean, torch.full_like(mean, _GRAY)).expand_as(masked)


class PictureFill(Filler):
    """A library's function of one picture."""

    @override
    def predict(self, masked: Tensor, mask: Tensor, **unused: Any) -> Tensor:
        pictures = masked.permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, 3)
        holes = mask[:, 0].cpu().numpy() > 0.5  # (B, H, W)
        filled = np.stack([self.fill_picture(*each) for each in zip(pictures, holes, strict=True)])
        return torch.from_numpy(filled).permute(0, 3, 1, 2)

    @abstractmethod
    def fill_picture(self, picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.floating]:
        """Fill ``(H, W, 3)`` RGB in ``[0, 1]``, 0 in the ``(H, W)`` hole; only the hole of the result is used."""


class OpenCVFill(PictureFill):
    """OpenCV's inpainting of 8-bit pictures.

    Args:
        algorithm: ``cv2.INPAINT_TELEA`` or ``cv2.INPAINT_NS``.
        radius: of the neighborhood that a pixel is computed from, in pixels.

    Raises:
        InlayError: the radius is not a number above 0.
    """

    def __init__(self, algorithm: int, radius: float = 3.0) -> None:
        if isinstance(radius, bool) or not isinstance(radius, int | float) or not 0 < radius < np.inf:
            raise InlayError(f"radius must be a number of pixels above 0 (3 as a rule), got {radius!r}.")
        self.algorithm = algorithm
        self.radius = radius
        self.identity = f"OpenCV {cv2.__version__}, radius {radius:g}"

    @override
    def fill_picture(self, picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.floating]:
        # Of a picture one pixel high or wide OpenCV reads what lies beyond it in memory: it gets three equal lines.
        beside = [(int(side == 1), int(side == 1)) for side in hole.shape]
        pixels = np.pad(np.rint(picture * 255).astype(np.uint8), [*beside, (0, 0)], mode="edge")
        filled = cv2.inpaint(pixels, np.pad(hole.astype(np.uint8), beside, mode="edge"), self.radius, self.algorithm)
        middle = tuple(slice(before, before + side) for (before, _), side in zip(beside, hole.shape, strict=True))
        return np.asarray(filled[middle], np.float32) / 255


class Telea(OpenCVFill):
    """Fast marching (Telea 2004)."""

    def __init__(self, radius: float = 3.0) -> None:
        super().__init__(cv2.INPAINT_TELEA, radius)


class NavierStokes(OpenCVFill):
    """Navier-Stokes (Bertalmio, Bertozzi and Sapiro 2001)."""

    def __init__(self, radius: float = 3.0) -> None:
        super().__init__(cv2.INPAINT_NS, radius)


class Biharmonic(PictureFill):
    """The biharmonic equation (Damelin and Hoang 2018) by scikit-image: the smoothest surface through what is known.

    Each color stays between its smallest and its largest known value, so within ``[0, 1]``; mid-gray where nothing is
    known. A sparse system as large as the hole is solved: half a second for a quarter of 256 x 256 pixels.
    """

    def __init__(self) -> None:
        self.identity = f"scikit-image {version('scikit-image')}"

    @override
    def fill_picture(self, picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.floating]:
        if hole.all():
            return np.full_like(picture, _GRAY)
        from skimage.restoration import inpaint_biharmonic  # here, so that nobody else waits for it

        filled: NDArray[np.float64] = inpaint_biharmonic(picture.astype(np.float64), hole, channel_axis=-1)
        return filled


CLASSICAL: dict[str, type[Filler]] = {
    "mean": MeanFill,
    "telea": Telea,
    "navier_stokes": NavierStokes,
    "biharmonic": Biharmonic,
}
"""Classical fillers by their short names; ``conf/filler`` has them with their settings."""
