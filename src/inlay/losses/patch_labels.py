"""How real each patch of an image with a filled hole is: target maps for a discriminator's grid of scores.

Each function maps a mask ``(B, 1, H, W)``, 1 = hole, to ``(B, 1, h, w)`` in ``[0, 1]``, 1 = real.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from inlay.errors import InlayError
from inlay.models.discriminators import PatchGrid

PatchLabels = Literal["image", "hole_nearest", "hole_max", "hole_aligned", "hole_blur"]

BLUR_SIGMA = 10.0  # pixels, as in AOT-GAN
_BLUR_RADIUS = 35


def patch_labels(labels: PatchLabels, mask: Tensor, size: tuple[int, int], grid: PatchGrid | None) -> Tensor:
    """The target map of filled images.

    Args:
        labels: ``image``: every patch is fake; ``hole_nearest``: the mask sampled once per patch, as in LaMa;
            ``hole_max``: a patch is fake if its share of the image touches the hole; ``hole_aligned``: so, but with
            shares around the centers of the patches' receptive fields; ``hole_blur``: with a soft edge, as in AOT-GAN.
        mask: ``(B, 1, H, W)``, 1 = hole.
        size: ``(h, w)`` of the scores.
        grid: of the discriminator, which ``hole_aligned`` needs.

    Raises:
        InlayError: ``labels`` is unknown, or the discriminator declares no grid.
    """
    match labels:
        case "image":
            return mask.new_zeros(len(mask), 1, *size)
        case "hole_nearest":
            return 1 - F.interpolate(mask, size, mode="nearest")
        case "hole_max":
            return 1 - F.adaptive_max_pool2d(mask, size)
        case "hole_blur":
            return 1 - F.adaptive_avg_pool2d(blurred(mask), size)
        case "hole_aligned":
            if grid is None:
                raise InlayError("task.labels=hole_aligned: the discriminator declares no patch_grid. Try hole_max.")
            return 1 - aligned(mask, size, grid)
    raise InlayError(
        f"task.labels must be one of image, hole_nearest, hole_max, hole_aligned, hole_blur, got {labels!r}."
    )


def aligned(mask: Tensor, size: tuple[int, int], grid: PatchGrid) -> Tensor:
    """1 where a square of ``grid.stride`` pixels around a patch's center, moved into the image, touches the hole."""
    rows, columns = (_share(count, side, grid).to(mask) for count, side in zip(size, mask.shape[-2:], strict=True))
    return (rows @ mask @ columns.mT > 0).to(mask.dtype)  # (h, H) (B, 1, H, W) (W, w)


def blurred(mask: Tensor, sigma: float = BLUR_SIGMA) -> Tensor:
    """A mask with a soft edge; outside of the image it goes on as at its border."""
    offsets = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=mask.device, dtype=mask.dtype)
    kernel = (-(offsets**2) / (2 * sigma**2)).softmax(dim=0)  # a Gaussian whose sum is 1
    soft = F.pad(mask, (_BLUR_RADIUS,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(soft, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def _share(count: int, side: int, grid: PatchGrid) -> Tensor:
    """Which pixels of an axis belong to each of its patches, ``(count, side)`` bool."""
    centers = (grid.first + grid.stride * torch.arange(count)).clamp(0, side - 1)
    return (torch.arange(side) - centers[:, None]).abs() <= grid.stride / 2
