"""A small network of plain convolutions alone, which any runtime computes: browsers, phones."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork
from inlay.models.layers import ConvNorm

IMAGE_CHANNELS = 3


class MobileUNet(InpaintingNetwork):
    """A U-Net of depthwise-separable convolutions (Howard et al. 2017); nothing of it depends on the size.

    Its lowest level looks around by dilated convolutions. Batch norms become part of the convolutions in
    :meth:`for_inference`, and what is left are convolutions, ReLUs, additions and repeated pixels.

    Args:
        channels: after each halving of the size, and of the decoder's levels on the way back.
        rates: dilations of the blocks at the lowest level.

    Raises:
        InlayError: a number is out of range.
    """

    def __init__(
        self, channels: Sequence[int] = (48, 96, 192, 320, 512), rates: Sequence[int] = (1, 2, 4, 2, 1)
    ) -> None:
        super().__init__()
        if len(channels) < 2 or min(*channels, *rates) < 1:
            raise InlayError(
                "model.channels must be at least two numbers, and these and model.rates at least 1, got "
                f"{list(channels)} and {list(rates)}."
            )
        first = channels[0]
        self.stem = ConvNorm(nn.Conv2d(IMAGE_CHANNELS + 1, first, 3, 2, 1, bias=False))
        pairs = list(pairwise(channels))
        self.down = nn.ModuleList(nn.Sequential(SeparableBlock(c, c), SeparableBlock(c, d, stride=2)) for c, d in pairs)
        self.middle = nn.Sequential(*(SeparableBlock(channels[-1], channels[-1], rate=rate) for rate in rates))
        self.narrow = nn.ModuleList(SeparableBlock(d, c) for c, d in reversed(pairs))
        self.merge = nn.ModuleList(SeparableBlock(c, c) for c, _ in reversed(pairs))
        last = max(first // 3, IMAGE_CHANNELS)  # few, as they are as large as the picture
        self.last = ConvNorm(nn.Conv2d(first + IMAGE_CHANNELS + 1, last, 3, padding=1, bias=False))
        self.head = nn.Conv2d(last, IMAGE_CHANNELS, 3, padding=1)
        self.size_multiple = self.smallest_size = 2 ** len(channels)
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        """Fill the whole frame.

        Args:
            masked: ``(B, 3, H, W)`` RGB in ``[0, 1]`` with the hole blanked; H and W divisible by ``2**len(channels)``.
            mask: ``(B, 1, H, W)``, 1 = hole.

        Returns:
            ``raw``, ``(B, 3, H, W)`` in ``[0, 1]``.

        Raises:
            InlayError: the network does not take the size.
        """
        if not torch.compiler.is_exporting():
            self.check_size(*masked.shape[-2:])
        given = torch.cat([masked, mask.to(masked.dtype)], dim=1).contiguous(memory_format=torch.channels_last)
        x, skipped = self.stem(given), []
        for level in self.down:
            skipped.append(x)
            x = level(x)
        x = self.middle(x)
        for narrow, merge in zip(self.narrow, self.merge, strict=True):
            x = merge(narrow(_twice(x)) + skipped.pop())
        x = self.head(self.last(torch.cat([_twice(x), given], dim=1)))
        return torch.sigmoid(x.to(torch.promote_types(x.dtype, torch.float32)))

    @override
    def for_inference(self) -> None:
        """Fold batch norm into convolutions."""
        for module in list(self.modules()):
            if isinstance(module, ConvNorm):
                module.fold()
        self.to(memory_format=torch.channels_last)


class SeparableBlock(nn.Module):
    """A 3x3 convolution of each channel by itself, a 1x1 convolution of all, and a shortcut where shapes agree.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        stride: of the first convolution.
        rate: its dilation.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, rate: int = 1) -> None:
        super().__init__()
        each = nn.Conv2d(inputs, inputs, 3, stride, padding=rate, dilation=rate, groups=inputs, bias=False)
        self.each = ConvNorm(each)
        self.all = ConvNorm(nn.Conv2d(inputs, outputs, 1, bias=False))
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H', W')``."""
        y: Tensor = self.all(self.each(x))
        return x + y if self.shortcut else y


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
