"""Fillers that learn nothing: the yardsticks beside every network. They work on the processor."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from importlib.metadata import version

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import inlay
from inlay.fillers.base import Filler
from inlay.ops import composite, erase

_GRAY = 0.5
"""The answer of those who are given a picture of which nothing is known."""


class MeanFill(Filler):
    """Every hole gets the mean color of the known pixels (mid-gray where nothing is known)."""

    identity = f"Inlay {inlay.__version__}"

    def fill(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> Tensor:
        """See :class:`~inlay.fillers.Filler`."""
        known = (1 - mask).sum(dim=(2, 3), keepdim=True)  # (B, 1, 1, 1)
        mean = erase(image, mask).sum(dim=(2, 3), keepdim=True) / known.clamp(min=1)
        mean = torch.where(known > 0, mean, torch.full_like(mean, _GRAY))
        return composite(mean.expand_as(image), image, mask)


class PictureFill(Filler):
    """A library's function of one picture."""

    def fill(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> Tensor:
        """See :class:`~inlay.fillers.Filler`."""
        pictures = erase(image, mask).permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, 3)
        holes = mask[:, 0].cpu().numpy() > 0.5  # (B, H, W)
        filled = np.stack([self.fill_picture(*each) for each in zip(pictures, holes, strict=True)])
        return composite(torch.from_numpy(filled).permute(0, 3, 1, 2).to(image), image, mask)

    @abstractmethod
    def fill_picture(self, picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.floating]:
        """Fill ``(H, W, 3)`` RGB in ``[0, 1]``, 0 in the ``(H, W)`` hole; of the answer only the hole is used."""
        ...


class OpenCVFill(PictureFill):
    """OpenCV's inpainting of 8-bit pictures.

    Args:
        algorithm: ``cv2.INPAINT_TELEA`` or ``cv2.INPAINT_NS``.
        radius: of the neighborhood that a pixel is computed from, in pixels.
    """

    def __init__(self, algorithm: int, radius: float = 3.0) -> None:
        self.algorithm = algorithm
        self.radius = radius
        self.identity = f"OpenCV {cv2.__version__}, radius {radius:g}"

    def fill_picture(self, picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.floating]:
        """See :class:`PictureFill`."""
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

    Each color stays between its least and its greatest known value, so within ``[0, 1]``; mid-gray where nothing is
    known. A sparse system as large as the hole is solved: half a second for a quarter of 256 x 256 pixels.
    """

    def __init__(self) -> None:
        self.identity = f"scikit-image {version('scikit-image')}"

    def fill_picture(self, picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.floating]:
        """See :class:`PictureFill`."""
        if hole.all():
            return np.full_like(picture, _GRAY)
        from skimage.restoration import inpaint_biharmonic  # here, so that nobody else waits for it

        filled: NDArray[np.float64] = inpaint_biharmonic(picture.astype(np.float64), hole, channel_axis=-1)
        return filled


CLASSICAL: dict[str, Callable[[], Filler]] = {
    "mean": MeanFill,
    "telea": Telea,
    "navier_stokes": NavierStokes,
    "biharmonic": Biharmonic,
}
"""What they are called."""
