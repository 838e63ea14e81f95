"""From a picture to features, which both paths share, and from features to a latent, one network for each path."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.models.layers import ResidualBlock
from inlay.types import Gaussian


class EncoderFeatures(NamedTuple):
    """Features of a picture at two sizes."""

    low: Tensor
    """``(B, C, H/8, W/8)`` as published: ``v_l``, which long-term attention copies from."""
    high: Tensor
    """``(B, C, H/32, W/32)`` as published: ``v_h``, which words and the latent are computed from."""


class ImageEncoder(nn.Module):
    """Residual layers, one a channel count; ``v_h`` comes from the last, ``v_l`` from the layer ``tap``.

    Args:
        inputs: channels of the picture: 3, or 4 with a mask.
        channels: after each layer.
        strides: of each layer.
        tap: position of the layer that gives ``v_l``; -2 is the last but one.

    Raises:
        InlayError: lists of different lengths, or strides that are no powers of two.
    """

    def __init__(self, inputs: int, channels: Sequence[int], strides: Sequence[int], tap: int) -> None:
        super().__init__()
        if len(channels) != len(strides) or len(channels) < 2:
            raise InlayError(
                f"model.encoder_channels and model.encoder_strides need as many numbers, at least 2, got "
                f"{len(channels)} and {len(strides)}."
            )
        if any(stride not in (1, 2, 4, 8) for stride in strides):
            raise InlayError(f"model.encoder_strides must be 1, 2, 4 or 8, got {list(strides)}.")
        if not -len(channels) <= tap < len(channels) - 1 or tap == -1:
            raise InlayError(f"model.encoder_tap must name a layer before the last of {len(channels)}, got {tap}.")
        self.tap = tap % len(channels)
        self.stride = prod(strides)
        self.low_stride = prod(strides[: self.tap + 1])
        self.low_channels, self.high_channels = channels[self.tap], channels[-1]
        self.layers = nn.ModuleList(
            ResidualBlock(a, b, hidden=a if i else b, down=stride, activate_input=i > 0)
            for i, (a, b, stride) in enumerate(zip([inputs, *channels[:-1]], channels, strides, strict=True))
        )

    def forward(self, picture: Tensor) -> EncoderFeatures:
        """Features of ``(B, inputs, H, W)``, height and width divisible by the product of the strides."""
        x = picture.contiguous(memory_format=torch.channels_last)
        low = x
        for position, layer in enumerate(self.layers):
            x = layer(x)
            if position == self.tap:
                low = x
        return EncoderFeatures(low, x)


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
