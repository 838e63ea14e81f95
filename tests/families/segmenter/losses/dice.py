"""The Dice loss (Milletari et al. 2016)."""

from torch import Tensor, nn


class DiceLoss(nn.Module):
    """``1 - 2 |A B| / (|A| + |B|)``, in ``[0, 1]``, lower is better."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compare ``(B, 1, H, W)`` logits with masks, 1 = object; returns a scalar."""
        found = logits.sigmoid()
        return 1 - (2 * (found * target).sum() + 1) / (found.sum() + target.sum() + 1)
