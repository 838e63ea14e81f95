"""Gated convolution (Yu et al. 2019, section 3.2): a convolution that learns where its input is worth anything."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


class GatedConv(nn.Module):
    """``activation(conv(x)) * sigmoid(gate(x))``, both by one convolution, padded with zeros.

    Args:
        inputs: channels of the input.
        outputs: channels of the output; the convolution has twice as many.
        kernel: side of the kernel.
        stride: of the convolution.
        dilation: of the convolution.
        activation: of the half that is gated.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        activation: Activation = F.elu,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, stride, padding, dilation)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H', W')``."""
        halves = self.conv(x).chunk(2, dim=1)
        # dense copies: on a CPU exponentials of a channels-last slice take three times as long
        features, gate = (half.contiguous(memory_format=torch.channels_last) for half in halves)
        return self.activation(features) * torch.sigmoid(gate)


class UpGatedConv(GatedConv):
    """A gated convolution of features that are repeated to twice their height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', 2H, 2W)``."""
        return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))
