"""Residual blocks of LaMa's trunk: one with Fourier convolutions, and the two that the paper compares it with.

A block works on the parts that the trunk's channels are divided into, so that no block has to cut and join them.
"""

from abc import ABC, abstractmethod

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.lama.fourier import FourierConv, Padding
from inlay.models.layers import ConvNorm


class Block(nn.Module, ABC):
    """Base of the trunk's blocks."""

    parts: tuple[int, ...]
    """Channels of each tensor that ``forward`` takes and returns."""
    smallest: int = 2
    """The fewest rows and columns that it takes: a convolution cannot reflect more than lies in the image."""

    @abstractmethod
    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Tensors ``(B, parts[i], H, W)`` to tensors of equal shapes."""


class FourierBlock(Block):
    """``x + FFC(FFC(x))``, each Fourier convolution with batch norm and ReLU, so that it never subtracts.

    Args:
        channels: of input and output.
        ratio: share of the channels that are global, above 0 and below 1.
        padding: of convolutions: ``reflect``, ``replicate`` or ``zeros``.

    Raises:
        InlayError: ``ratio`` leaves no local channel, or no even number of global ones.
    """

    def __init__(self, channels: int, ratio: float = 0.75, padding: Padding = "reflect") -> None:
        super().__init__()
        everywhere = int(ratio * channels)
        if not 0 < everywhere < channels or everywhere % 2:
            raise InlayError(
                f"model.block.ratio must leave local channels and an even number of global ones, got {ratio} of "
                f"{channels} channels. 0.75 is the published one."
            )
        self.parts = (channels - everywhere, everywhere)
        self.first = FourierConv(*self.parts, padding)
        self.second = FourierConv(*self.parts, padding)

    @override
    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        changes = self.second(*self.first(*parts))
        return tuple(change + part for change, part in zip(changes, parts, strict=True))


class PlainBlock(Block):
    """``x + conv(conv(x))`` with 3x3 convolutions, each with batch norm, the first with a ReLU (pix2pixHD).

    Args:
        channels: of input and output.
        padding: of convolutions: ``reflect``, ``replicate`` or ``zeros``.
    """

    def __init__(self, channels: int, padding: Padding = "reflect") -> None:
        super().__init__()
        self.parts = (channels,)
        self.first = ConvNorm(nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding))
        self.second = ConvNorm(nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding), activation=False)

    @override
    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        (x,) = parts
        return (self.second(self.first(x)) + x,)


class DilatedBlock(Block):
    """A :class:`PlainBlock` each of whose convolutions is a :class:`DilatedConv`.

    Args:
        channels: of input and output, a multiple of 4.
        padding: of convolutions: ``reflect``, ``replicate`` or ``zeros``.
    """

    def __init__(self, channels: int, padding: Padding = "reflect") -> None:
        super().__init__()
        self.parts = (channels,)
        self.first, self.second = DilatedConv(channels, padding), DilatedConv(channels, padding)
        self.first_norm, self.second_norm = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.smallest = max(DILATIONS) + 1

    @override
    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        (x,) = parts
        y = F.relu_(self.first_norm(self.first(x)))
        return (self.second_norm(self.second(y)) + x,)


DILATIONS = (1, 2, 4, 8)


class DilatedConv(nn.Module):
    """The sum of 3x3 convolutions with dilations 1, 2, 4 and 8, of a quarter of the channels each.

    Args:
        channels: of input and output, a multiple of 4.
        padding: ``reflect``, ``replicate`` or ``zeros``.

    Raises:
        InlayError: ``channels`` is no multiple of 4.
    """

    def __init__(self, channels: int, padding: Padding = "reflect") -> None:
        super().__init__()
        if channels % len(DILATIONS):
            raise InlayError(f"model.width: a dilated block needs a multiple of 4 channels, got {channels}.")
        quarter = channels // len(DILATIONS)
        self.convs = nn.ModuleList(
            nn.Conv2d(quarter, channels, 3, padding=dilation, dilation=dilation, padding_mode=padding)
            for dilation in DILATIONS
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H, W)``."""
        quarters = x.chunk(len(self.convs), dim=1)
        total: Tensor = self.convs[0](quarters[0])
        for conv, quarter in zip(self.convs[1:], quarters[1:], strict=True):
            total = total.add_(conv(quarter))
        return total
