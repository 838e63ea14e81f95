"""Convolution, batch norm and ReLU, which become one convolution when training is over."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class ConvNorm(nn.Module):
    """A convolution, its batch norm, and a ReLU.

    Args:
        conv: the convolution, possibly a transposed one.
        activation: whether a ReLU follows.
    """

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, activation: bool = True) -> None:
        super().__init__()
        self.conv = conv
        self.norm: nn.Module = nn.BatchNorm2d(conv.out_channels)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H', W')``."""
        y: Tensor = self.norm(self.conv(x))
        return F.relu_(y) if self.activation else y

    def fold(self) -> None:
        """Take the batch norm, as in eval mode, into the convolution."""
        if isinstance(self.norm, nn.BatchNorm2d):
            transposed = isinstance(self.conv, nn.ConvTranspose2d)
            self.conv.weight, self.conv.bias = folded(self.conv.weight, self.conv.bias, self.norm, transposed)
            self.norm = nn.Identity()


def folded(
    weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d, transposed: bool = False
) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight and bias of a convolution that does what one and a batch norm in eval mode do.

    Args:
        weight: ``(C', C, h, w)``, or ``(C, C', h, w)`` of a transposed convolution.
        bias: ``(C',)``, or None.
        norm: of C' channels.
        transposed: whether the convolution is.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    kernel, shift = fuse_conv_bn_weights(
        weight, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias, transpose=transposed
    )
    return nn.Parameter(kernel.detach()), nn.Parameter(shift.detach())
