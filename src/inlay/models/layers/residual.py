"""The residual block that encoders, fusion networks and discriminators of adversarial inpainting share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.models.layers.spectral import spectral

LEAK = 0.1  # slope of activations below zero, unless said otherwise


class ResidualBlock(nn.Module):
    """Activation, convolution, activation, convolution, beside a 1x1 convolution; then average pooling.

    Every convolution is spectrally normalized (Zheng et al. 2019; TDANet, Zhang et al. 2020). Pooling is linear, so it
    is taken into the kernels it follows: the 1x1 convolution works on pooled input, and the second 3x3 convolution
    becomes one of ``(2 + down)`` pixels with stride ``down``. The same numbers for a half to a third of the work.

    Args:
        inputs: channels.
        outputs: channels.
        hidden: channels between the two convolutions; ``inputs`` if None.
        down: side of the pooling window, 1 for none.
        activate_input: whether an activation comes first; not in a network's first block, whose input is a picture.
        slope: of both activations below zero.
    """

    spread: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int | None = None,
        down: int = 1,
        activate_input: bool = True,
        slope: float = LEAK,
    ) -> None:
        super().__init__()
        hidden = inputs if hidden is None else hidden
        self.down = down
        self.activate_input = activate_input
        self.slope = slope
        self.first = spectral(nn.Conv2d(inputs, hidden, 3, padding=1))
        self.second = spectral(nn.Conv2d(hidden, outputs, 3, padding=1))
        self.shortcut = spectral(nn.Conv2d(inputs, outputs, 1))
        self.register_buffer("spread", pooling_matrix(down), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, H, W)`` to ``(B, outputs, H / down, W / down)``."""
        y = F.leaky_relu(x, self.slope) if self.activate_input else x
        y = F.leaky_relu_(self.first(y), self.slope)
        if self.down == 1:
            return self.second(y).add_(self.shortcut(x))  # type: ignore[no-any-return]
        weight = pooled_kernel(self.second.weight, self.spread)
        y = F.conv2d(y, weight, self.second.bias, stride=self.down, padding=1)
        return y.add_(self.shortcut(F.avg_pool2d(x, self.down)))


def pooling_matrix(side: int) -> Tensor:
    """How a 3x3 kernel spreads when average pooling of ``side`` follows: ``(9, (side + 2)**2)``."""
    spread = torch.zeros(3, 3, side + 2, side + 2)
    for row in range(3):
        for column in range(3):
            spread[row, column, row : row + side, column : column + side] = 1 / side**2
    return spread.view(9, -1)


def pooled_kernel(weight: Tensor, spread: Tensor) -> Tensor:
    """The kernel of ``avg_pool2d(conv2d(x, weight, padding=1), side)`` as one convolution with that stride.

    Args:
        weight: ``(O, I, 3, 3)``.
        spread: :func:`pooling_matrix` of the side.

    Returns:
        ``(O, I, side + 2, side + 2)``; to be applied with padding 1, exact up to rounding at the borders, too.
    """
    outputs, inputs, _, _ = weight.shape
    side = round(spread.shape[1] ** 0.5)
    kernel = (weight.reshape(-1, 9) @ spread).view(outputs, inputs, side, side)
    return kernel.contiguous(memory_format=torch.channels_last)
