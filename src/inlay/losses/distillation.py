"""Learning from another network's pictures."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.losses.types import LossInput
from inlay.models.frozen import Frozen


def hole_l1_at_scales(raw: Tensor, taught: Tensor, mask: Tensor, scales: Sequence[int]) -> Tensor:
    """``sum_s mean |pool_s(mask * (raw - taught))|`` with averages over s x s pixels. Scalar >= 0, lower is better.

    Coarse scales forgive that details lie elsewhere, and ask for the same colors (after MI-GAN, Sargsyan et al. 2023,
    which compares outputs of several resolutions).

    Args:
        raw: ``(B, C, H, W)``.
        taught: ``(B, C, H, W)``.
        mask: ``(B, 1, H, W)``, 1 = hole.
        scales: sides in pixels.
    """
    error = mask * (raw - taught)
    return torch.stack([F.avg_pool2d(error, scale, ceil_mode=True).abs().mean() for scale in scales]).sum()


class Distillation(nn.Module):
    """:func:`hole_l1_at_scales` between the output and what a teacher makes of the same hole.

    Args:
        teacher: makes a frozen network that is called with image and mask (:class:`~inlay.checkpoints.Teacher`).
        scales: sides in pixels.

    Raises:
        InlayError: a scale is below 1.
    """

    def __init__(self, teacher: Callable[[], Frozen], scales: Sequence[int] = (1, 2, 4, 8)) -> None:
        super().__init__()
        if not scales or min(scales) < 1:
            raise InlayError(f"loss.terms.distillation.term.scales must be at least 1, got {list(scales)}.")
        self.teacher = teacher()
        self.scales = tuple(scales)

    @override
    def forward(self, given: LossInput) -> Tensor:
        # outside the hole, which the teacher never sees, a composite is what the network itself was shown
        return hole_l1_at_scales(given.raw, self.teacher(given.composite.detach(), given.mask), given.mask, self.scales)
