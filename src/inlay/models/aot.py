"""AOT-GAN's generator: aggregated contextual transformations (Zeng et al. 2022)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork

IMAGE_CHANNELS = 3


class AOTGenerator(InpaintingNetwork):
    """An encoder, blocks of dilated convolutions whose results are gated, and a decoder.

    As published it has 15,200,835 parameters.

    Args:
        width: channels after the first convolution; they double with each of two halvings.
        blocks: how many :class:`AOTBlock`.
        rates: dilations of each block's branches, which share its channels evenly.
        eps: of the blocks' normalization, beside the deviation.

    Raises:
        InlayError: a number is out of range.
    """

    size_multiple = 4

    def __init__(
        self, width: int = 64, blocks: int = 8, rates: Sequence[int] = (1, 2, 4, 8), eps: float = 1e-5
    ) -> None:
        super().__init__()
        if min(width, blocks, *rates) < 1 or 4 * width % len(rates) or eps <= 0:
            raise InlayError(
                "model.width, model.blocks and model.rates must be at least 1, 4 * width divisible by the number of "
                f"rates, and model.eps above 0; got {width}, {blocks}, {list(rates)} and {eps}."
            )
        inner = 4 * width
        self.encoder = nn.Sequential(
            *(nn.Conv2d(IMAGE_CHANNELS + 1, width, 7, padding=3, padding_mode="reflect"), nn.ReLU(inplace=True)),
            *(nn.Conv2d(width, 2 * width, 4, 2, 1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(2 * width, inner, 4, 2, 1), nn.ReLU(inplace=True)),
        )
        self.blocks = nn.Sequential(*(AOTBlock(inner, rates, eps) for _ in range(blocks)))
        self.decoder = nn.Sequential(UpConv(inner, 2 * width), UpConv(2 * width, width))
        self.head = nn.Conv2d(width, IMAGE_CHANNELS, 3, padding=1)
        self.smallest_size = 4 * (max(rates) + 1)  # a convolution cannot reflect more than lies in the image
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        """Fill the whole frame.

        Args:
            masked: ``(B, 3, H, W)`` RGB in ``[0, 1]`` with the hole blanked; H and W divisible by 4.
            mask: ``(B, 1, H, W)``, 1 = hole.

        Returns:
            ``raw``, ``(B, 3, H, W)`` in ``[0, 1]``.

        Raises:
            InlayError: the network does not take the size.
        """
        if not torch.compiler.is_exporting():
            self.check_size(*masked.shape[-2:])
        mask = mask.to(masked.dtype)
        white = 2 * (masked + mask) - 1  # the hole is 1
        x = torch.cat([white, mask], dim=1).contiguous(memory_format=torch.channels_last)
        x = self.head(self.decoder(self.blocks(self.encoder(x))))
        return (torch.tanh(x.to(torch.promote_types(x.dtype, torch.float32))) + 1) / 2


class AOTBlock(nn.Module):
    """``x (1 - g) + g f``: branches of several dilations are fused to f, and a gate g decides where it is taken.

    Args:
        channels: of input and output.
        rates: dilation of each branch.
        eps: of the gate's normalization.
    """

    def __init__(self, channels: int, rates: Sequence[int], eps: float) -> None:
        super().__init__()
        own = channels // len(rates)
        self.branches = nn.ModuleList(_conv(channels, own, rate) for rate in rates)
        self.fuse = _conv(channels, channels)
        self.gate = _conv(channels, channels)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H, W)``."""
        found = self.fuse(torch.cat([F.relu_(branch(x)) for branch in self.branches], dim=1))
        gate = torch.sigmoid(normalized(self.gate(x), self.eps)).to(x.dtype)
        return torch.lerp(x, found.to(x.dtype), gate)


class UpConv(nn.Module):
    """A 3x3 convolution and ReLU of features at twice their height and width, between which is interpolated.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', 2H, 2W)``."""
        return F.relu_(self.conv(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)))


def normalized(x: Tensor, eps: float) -> Tensor:
    """``5 (2 (x - mean) / (std + eps) - 1)`` of each channel of each picture, in float32 at least.

    Args:
        x: ``(B, C, H, W)``; of a constant channel nothing but -5 is left.
        eps: beside the deviation (published: 1e-9, which half precision takes for 0).
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    mean, std = wide.mean(dim=(2, 3), keepdim=True), wide.std(dim=(2, 3), keepdim=True)
    return (wide - mean) * (10 / (std + eps)) - 5


def _conv(inputs: int, outputs: int, rate: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, padding_mode="reflect")
