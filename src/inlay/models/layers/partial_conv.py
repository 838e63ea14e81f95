"""Partial convolution (Liu et al. 2018, "Image Inpainting for Irregular Holes Using Partial Convolutions", eq. 1-2).

The paper gives every feature channel a mask channel of its own, although within one tensor they are all equal. Here a
mask has one channel; a concatenation is described by its parts and how many feature channels each brings. The result is
the same, and the mask arithmetic costs one channel instead of hundreds. It depends on the masks alone, so a network can
do all of it before its first convolution.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaskWindow(NamedTuple):
    """What one partial convolution has to know about its mask, ``(B, 1, H', W')`` float32 each."""

    ratio: Tensor
    """sum(1) / sum(M) of each window; 0 where a window holds no valid pixel."""
    valid: Tensor
    """The updated mask in ``{0, 1}``: 1 where a window holds a valid pixel."""


def partial_window(*sources: tuple[Tensor, int], kernel_size: int, stride: int = 1) -> MaskWindow:
    """Count the valid inputs of every window of a ``kernel_size`` square convolution with half padding.

    Padding counts as hole, so the picture's edge is re-normalised too.

    Args:
        sources: for each tensor of a concatenation its ``(B, 1, H, W)`` float32 valid map (1 = valid) and the
            number of feature channels that share it.
        kernel_size: odd.
        stride: of the convolution.

    Returns:
        The re-normalising ratio, at most ``kernel_size**2 * sum(C) / min(C)``, and the updated valid map.
    """
    known = sources[0][0] if len(sources) == 1 else torch.stack([v * c for v, c in sources]).sum(0)
    weight = 1 if len(sources) == 1 else sum(c for _, c in sources)
    # Sums of small integers: exact in float32, and none lies between 0 and 1, so no epsilon is needed.
    count = F.avg_pool2d(known, kernel_size, stride, kernel_size // 2, divisor_override=1)
    valid = (count > 0).to(count.dtype)
    return MaskWindow(ratio=valid * (kernel_size**2 * weight) / count.clamp(min=1), valid=valid)


class PartialConv2d(nn.Conv2d):
    """A square convolution with half padding that sees only valid pixels.

    ``x' = W^T (X * M) * sum(1) / sum(M) + b`` where a window holds a valid pixel, 0 elsewhere.

    Args:
        in_channels: C of the input.
        out_channels: C' of the output.
        kernel_size: odd.
        stride: of the convolution.
        bias: whether to learn ``b``.

    Raises:
        ValueError: the kernel size is even, which would shift the picture by half a pixel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = False
    ) -> None:
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}.")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=bias)

    def forward(self, x: Tensor, window: MaskWindow) -> Tensor:  # type: ignore[override]  # a convolution with two inputs
        """Convolve ``(B, C, H, W)``, zero wherever it is not valid, to ``(B, C', H', W')``, zero where no window is.

        Args:
            x: the features.
            window: from :func:`partial_window` for this kernel and the valid map of ``x``.
        """
        y: Tensor = self._conv_forward(x, self.weight, None)
        # In place, since a convolution's backward never reads its result; the ratio is cast, not the activations.
        y = y.mul_(window.ratio.to(y.dtype))
        if self.bias is not None:
            y = torch.addcmul(y, window.valid.to(y.dtype), self.bias.to(y.dtype)[:, None, None])
        return y
