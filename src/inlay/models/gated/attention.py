"""Contextual attention (Yu et al. 2018, section 4.1): what is missing is put together from patches that are known.

Features of a quarter of the picture's size are looked up at half of theirs: L = (H / 8) * (W / 8) patches of 3x3 are
compared, and patches of 4x4 at the same places are pasted, two cells apart.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SHARPNESS = 10.0  # of the softmax
_LEAST_NORM = 1e-4
_OVERLAP = 4  # pasted patches that cover a cell


class ContextualAttention(nn.Module):
    """Each patch becomes a mean of the known patches, weighted by how alike they are.

    Args:
        zero_excluded: as published: patches that touch the hole get a score of 0 before the softmax and a weight of 0
            after it, so that weights of the others no longer sum to 1. If not, they are left out of the softmax.
    """

    def __init__(self, zero_excluded: bool = False) -> None:
        super().__init__()
        self.zero_excluded = zero_excluded

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend within features.

        Args:
            x: ``(B, C, H / 4, W / 4)``.
            mask: ``(B, 1, H, W)``, 1 = hole; H and W divisible by 8.

        Returns:
            ``(B, C, H / 4, W / 4)``, float32 at least.
        """
        height, width = x.shape[-2:]
        with torch.autocast(x.device.type, enabled=False):  # scores that are multiplied by ten want every digit
            wide = x.to(torch.promote_types(x.dtype, torch.float32))
            weights = self.weights(wide[..., ::2, ::2], mask[..., ::8, ::8])  # (B, L, L), by columns
            patches = F.unfold(wide, 4, padding=1, stride=2)  # (B, 16C, L)
            patches = by_columns(patches, height // 2, width // 2)
            pasted = by_columns(patches @ weights.mT, width // 2, height // 2)
            return F.fold(pasted, (height, width), 4, padding=1, stride=2) / _OVERLAP

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """How much each patch takes from each other one, ``(B, L, L)``; patches are numbered down the columns.

        Args:
            x: ``(B, C, h, w)`` with ``h * w = L``.
            mask: ``(B, 1, h, w)``, 1 = hole.
        """
        height, width = x.shape[-2:]
        patches = F.unfold(x, 3, padding=1)  # (B, 9C, L)
        keys = patches / patches.norm(dim=1, keepdim=True).clamp(min=_LEAST_NORM)
        scores = diagonal_sum(patches.mT @ keys)  # (B, L, L)
        pairs = torch.unflatten(torch.unflatten(scores, 1, (height, width)), 3, (height, width))
        scores = diagonal_sum(pairs.transpose(1, 2).transpose(3, 4).flatten(3).flatten(1, 2))
        touched = F.max_pool2d(mask, 3, stride=1, padding=1).mT.flatten(1) > 0  # (B, L)
        return self.softmax(scores.mul_(_SHARPNESS), touched[:, None])

    def softmax(self, scores: Tensor, touched: Tensor) -> Tensor:
        """Softmax over the last axis without patches that touch the hole; over all alike where all do."""
        if self.zero_excluded:
            return scores.masked_fill(touched, 0).softmax(dim=-1).masked_fill(touched, 0)
        scores = scores.masked_fill_(touched, -torch.inf).masked_fill_(touched.all(dim=-1, keepdim=True), 0)
        return scores.softmax(dim=-1)


def diagonal_sum(scores: Tensor) -> Tensor:
    """``s[i - 1, j - 1] + s[i, j] + s[i + 1, j + 1]``: neighbors of what is alike should be alike.

    Args:
        scores: ``(B, L, L)``.
    """
    total = scores.clone()
    total[:, 1:, 1:] += scores[:, :-1, :-1]
    total[:, :-1, :-1] += scores[:, 1:, 1:]
    return total


def by_columns(patches: Tensor, rows: int, columns: int) -> Tensor:
    """Renumber ``(B, N, rows * columns)`` patches, which are numbered along the rows, down the columns."""
    return torch.unflatten(patches, 2, (rows, columns)).mT.flatten(2)
