"""From what is seen and said to a Gaussian latent."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.models.layers import ResidualBlock
from inlay.types import Gaussian


class Fusion(nn.Module):
    """``F`` or ``F'``: residual blocks from image and text features to the latent's mean and standard deviation.

    Args:
        inputs: channels of ``h``.
        latent: channels of the latent.
        blocks: residual blocks.
        width: channels between them.
        min_std: added to the standard deviation; above 0, its logarithm is finite in every precision.
    """

    def __init__(self, inputs: int, latent: int, blocks: int, width: int, min_std: float = 1e-3) -> None:
        super().__init__()
        self.min_std = min_std
        ends = [inputs] + [width] * (blocks - 1) + [2 * latent]
        self.blocks = nn.Sequential(*(ResidualBlock(a, b, hidden=width) for a, b in pairwise(ends)))

    def forward(self, h: Tensor) -> Gaussian:
        """``(B, inputs, H, W)`` to a Gaussian of ``(B, latent, H, W)`` in float32."""
        mean, raw = self.blocks(h).float().chunk(2, dim=1)
        with torch.autocast(h.device.type, enabled=False):
            return Gaussian(mean, F.softplus(raw) + self.min_std)
