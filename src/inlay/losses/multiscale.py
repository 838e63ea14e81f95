"""L1 at several sizes."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Region = Literal["full", "visible", "hole_weighted"]
REGIONS: tuple[Region, ...] = ("full", "visible", "hole_weighted")
HOLE_WEIGHT = 6.0
"""Of a hole's pixel beside a visible one in ``hole_weighted``; the ratio of Liu et al. 2018."""


def pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """An image at ``levels`` sizes from coarse to fine, each half of the next, by area averages."""
    sizes = [image]
    for _ in range(levels - 1):
        sizes.append(F.avg_pool2d(sizes[-1], 2))
    return sizes[::-1]


def multiscale_l1(
    outputs: Sequence[Tensor], target: Sequence[Tensor], mask: Sequence[Tensor], region: Region
) -> Tensor:
    """Sum over sizes of the mean absolute error. Scalar >= 0, lower is better.

    Args:
        outputs: ``(B, 3, h, w)`` at each size.
        target: of equal shapes (:func:`pyramid`).
        mask: ``(B, 1, h, w)`` at each size, 1 = hole.
        region: ``full``, ``visible`` pixels alone, or ``hole_weighted``, where the hole counts :data:`HOLE_WEIGHT`
            times. Means are over all pixels in any case.
    """
    errors = [(a.float() - t).abs() for a, t in zip(outputs, target, strict=True)]
    return torch.stack([_weighted(e, m, region) for e, m in zip(errors, mask, strict=True)]).sum()


def _weighted(error: Tensor, mask: Tensor, region: Region) -> Tensor:
    if region == "full":
        return error.mean()
    weight = 1 - mask if region == "visible" else 1 + (HOLE_WEIGHT - 1) * mask
    return (weight * error).mean()
