"""The generator that both paths share: up-sampling residual blocks with short+long-term attention."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.models.layers import LEAK, ResidualBlock, attend, checkpointed, query_conv, spectral

IMAGE_CHANNELS = 3

Upsample = Literal["transposed", "nearest"]
SpectralDim = Literal["outputs", "inputs"]


class Up(nn.Module):
    """A 3x3 convolution to twice the size.

    Args:
        inputs: channels.
        outputs: channels.
        upsample: ``transposed`` convolution as published, or ``nearest`` neighbors and a convolution, which cannot
            leave a checkerboard and costs four times as much.
        spectral_dim: axis of a transposed convolution's weight that makes the rows of the matrix whose spectral norm is
            kept at 1: its ``outputs``, which is the norm of the layer, or its ``inputs``, as published.
    """

    def __init__(self, inputs: int, outputs: int, upsample: Upsample, spectral_dim: SpectralDim = "outputs") -> None:
        super().__init__()
        self.nearest = upsample == "nearest"
        self.conv = (
            spectral(nn.Conv2d(inputs, outputs, 3, padding=1))
            if self.nearest
            else spectral(
                nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1),
                dim=0 if spectral_dim == "inputs" else None,
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, H, W)`` to ``(B, outputs, 2H, 2W)``."""
        return self.conv(F.interpolate(x, scale_factor=2.0) if self.nearest else x)  # type: ignore[no-any-return]


class UpBlock(nn.Module):
    """Norm, activation, convolution, norm, activation, up-sampling convolution, beside an up-sampling convolution."""

    def __init__(self, inputs: int, outputs: int, upsample: Upsample, spectral_dim: SpectralDim = "outputs") -> None:
        super().__init__()
        self.norm1 = nn.InstanceNorm2d(inputs, affine=True)
        self.conv = spectral(nn.Conv2d(inputs, outputs, 3, padding=1))
        self.norm2 = nn.InstanceNorm2d(outputs, affine=True)
        self.up = Up(outputs, outputs, upsample, spectral_dim)
        self.shortcut = Up(inputs, outputs, upsample, spectral_dim)

    def forward(self, x: Tensor, picture: Tensor | None = None) -> Tensor:
        """``(B, C, H, W)`` to ``(B, outputs, 2H, 2W)``; C and the channels of the picture, if any, are ``inputs``."""
        if picture is not None:
            x = torch.cat([x, picture.to(x.dtype)], dim=1)
        y = self.conv(F.leaky_relu_(self.norm1(x), LEAK))
        y = self.up(F.leaky_relu_(self.norm2(y), LEAK))
        return y.add_(self.shortcut(x))  # type: ignore[no-any-return]


class ShortLongAttention(nn.Module):
    """Attention to the decoder's own features (short) and to the encoder's (long) with one map (section 2.5).

    Known regions keep the encoder's features; holes get those of the positions that look alike.

    Args:
        channels: of the decoder's features.
        low_channels: of the encoder's, ``v_l``.
        scaled: divide logits by the root of the query's channels.
        fill: let the decoder's features stand for the encoder's under the hole, where those mean nothing.
        slope: below zero, of the activations in the block that merges both.
    """

    def __init__(
        self, channels: int, low_channels: int, scaled: bool = True, fill: bool = True, slope: float = LEAK
    ) -> None:
        super().__init__()
        self.query = query_conv(channels, channels // 4)
        self.scale = (channels // 4) ** -0.5 if scaled else 1.0
        self.fill = fill
        self.gamma = nn.Parameter(torch.zeros(1))
        self.alpha = nn.Parameter(torch.zeros(1))
        self.merge = ResidualBlock(channels + low_channels, channels, hidden=channels, slope=slope)

    def forward(self, x: Tensor, low: Tensor, mask: Tensor) -> Tensor:
        """Merge the decoder's features, ``(B, C, H, W)``, with what they attend to; shaped as they.

        Args:
            x: the decoder's features.
            low: ``(B, C', H, W)`` the encoder's.
            mask: ``(B, 1, H, W)`` in ``[0, 1]``, the share of each cell that is hole.
        """
        x = x.to(low.dtype)
        mask = mask.to(low.dtype)
        source = torch.lerp(low, x, mask) if self.fill else low
        both = attend(self.query(x), torch.cat([x, source], dim=1), self.scale)
        short, long = both[:, : x.shape[1]], both[:, x.shape[1] :]
        short = x + self.gamma.to(x.dtype) * short
        long = self.alpha.to(x.dtype) * mask * long + (1 - mask) * source
        return self.merge(torch.cat([short, long], dim=1))  # type: ignore[no-any-return]


class Head(nn.Module):
    """From features to a picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = spectral(nn.Conv2d(channels, IMAGE_CHANNELS, 3))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, 3, H, W)`` in ``[-1, 1]``, float32: eight bits need more than bfloat16."""
        y = self.conv(F.pad(F.leaky_relu(x, LEAK), (1, 1, 1, 1), mode="reflect"))
        return torch.tanh(y.float())


class Generator(nn.Module):
    """Blocks that double the size; short+long-term attention behind one of them, a picture from there on.

    Args:
        inputs: channels of the latent.
        channels: after each block.
        attention: position of the block that attention follows.
        low_channels: of the encoder's features that it looks at.
        upsample, spectral_dim: see :class:`Up`.
        scaled, fill, merge_slope: see :class:`ShortLongAttention`.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them.
    """

    def __init__(
        self,
        inputs: int,
        channels: Sequence[int],
        attention: int,
        low_channels: int,
        upsample: Upsample = "transposed",
        scaled: bool = True,
        fill: bool = True,
        spectral_dim: SpectralDim = "outputs",
        gradient_checkpointing: bool = False,
        merge_slope: float = LEAK,
    ) -> None:
        super().__init__()
        self.at = attention
        self.gradient_checkpointing = gradient_checkpointing
        fed = [inputs, *channels[:-1]]
        fed = [count + IMAGE_CHANNELS * (position > attention) for position, count in enumerate(fed)]
        self.blocks = nn.ModuleList(UpBlock(a, b, upsample, spectral_dim) for a, b in zip(fed, channels, strict=True))
        self.attention = ShortLongAttention(channels[attention], low_channels, scaled, fill, merge_slope)
        self.heads = nn.ModuleList(Head(count) for count in channels[attention:])

    def forward(self, latent: Tensor, low: Tensor, mask: Tensor) -> list[Tensor]:
        """Paint.

        Args:
            latent: ``(B, inputs, h, w)``.
            low: the encoder's features at the size of the attended block.
            mask: the hole at the same size, ``(B, 1, ., .)`` in ``[0, 1]``.

        Returns:
            Pictures in ``[-1, 1]`` from coarse to fine, each twice as large as the one before.
        """
        x = latent
        pictures: list[Tensor] = []
        # A picture goes into the next block as three more channels, so that finer ones correct it.
        for position, block in enumerate(self.blocks):
            x = checkpointed(block, x, *pictures[-1:], enabled=self.gradient_checkpointing)  # twice the size
            if position == self.at:
                x = checkpointed(self.attention, x, low, mask, enabled=self.gradient_checkpointing)
            if position >= self.at:
                pictures.append(checkpointed(self.heads[position - self.at], x, enabled=self.gradient_checkpointing))
        return pictures
