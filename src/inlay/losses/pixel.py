"""Per-pixel losses of Liu et al. 2018 (section 3.3): the hole, the valid pixels, total variation.

Every mean is taken over *all* elements of the batch, not over the pixels of the hole, as the authors confirm; the
published weights only make sense that way.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.losses.types import LossInput


def hole_l1(raw: Tensor, target: Tensor, mask: Tensor, std: Tensor | None = None) -> Tensor:
    """Absolute error in the hole, ``mean(mask * |raw - target| / std)`` over all elements. Scalar >= 0.

    Args:
        raw: ``(B, C, H, W)``.
        target: ``(B, C, H, W)``.
        mask: ``(B, 1, H, W)``, 1 = hole.
        std: ``(C, 1, 1)`` the unit of each channel's error; None for 1.
    """
    error = (raw - target).abs()
    return (mask * (error if std is None else error / std)).mean()


def valid_l1(raw: Tensor, target: Tensor, mask: Tensor, std: Tensor | None = None) -> Tensor:
    """Absolute error outside the hole, ``mean((1 - mask) * |raw - target| / std)``. Scalar >= 0, lower is better.

    Arguments: see :func:`hole_l1`.
    """
    return hole_l1(raw, target, 1 - mask, std)


def total_variation(composite: Tensor, mask: Tensor) -> Tensor:
    """Roughness of the hole and its rim: neighbor differences inside the hole dilated by one pixel.

    ``(sum |x[i, j+1] - x[i, j]| + sum |x[i+1, j] - x[i, j]|) / (B * C * H * W)`` over the pairs of which both pixels
    lie in the dilated hole. Scalar >= 0, lower is smoother.

    Args:
        composite: ``(B, C, H, W)``.
        mask: ``(B, 1, H, W)``, 1 = hole.
    """
    region = F.max_pool2d(mask, 3, stride=1, padding=1)  # the rim: else nothing would tie the fill to its surroundings
    across = (composite[..., 1:] - composite[..., :-1]).abs() * (region[..., 1:] * region[..., :-1])
    down = (composite[..., 1:, :] - composite[..., :-1, :]).abs() * (region[..., 1:, :] * region[..., :-1, :])
    return (across.sum() + down.sum()) / composite.numel()


class HoleL1(nn.Module):
    """:func:`hole_l1` as a term."""

    @override
    def forward(self, given: LossInput) -> Tensor:
        return hole_l1(given.raw, given.target, given.mask, given.std)


class ValidL1(nn.Module):
    """:func:`valid_l1` as a term."""

    @override
    def forward(self, given: LossInput) -> Tensor:
        return valid_l1(given.raw, given.target, given.mask, given.std)


class CoarseL1(nn.Module):
    """Absolute error of the coarser pictures, ``sum_k mean |stage_k - target|`` (Yu et al. 2018, section 3.1)."""

    @override
    def forward(self, given: LossInput) -> Tensor:
        """Scalar >= 0.

        Raises:
            InlayError: the network makes no coarser picture.
        """
        if not given.stages:
            raise InlayError(
                "CoarseL1 is of networks that go from coarse to fine, and this one does not. Leave it out."
            )
        return torch.stack([(stage - given.target).abs().mean() for stage in given.stages]).sum()


class TotalVariationLoss(nn.Module):
    """:func:`total_variation` as a term."""

    @override
    def forward(self, given: LossInput) -> Tensor:
        return total_variation(given.composite, given.mask)
