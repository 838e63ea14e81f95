"""A U-Net whose every layer is a partial convolution (Liu et al. 2018, section 3.2 and table of the appendix)."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork
from inlay.models.layers import MaskWindow, PartialConv2d, checkpointed, partial_window, refuse_to_compile

LEAK = 0.2
IMAGE_CHANNELS = 3
HALF = (0.5, 0.5, 0.5)


class PConvBlock(nn.Module):
    """Partial convolution, batch norm, activation; what is hole stays exactly zero.

    ``leak`` is the slope of the activation below zero: 0 for ReLU, None for no activation.
    """

    def __init__(self, conv: PartialConv2d, norm: bool, leak: float | None) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(conv.out_channels) if norm else None
        self.leak = leak
        nn.init.kaiming_normal_(conv.weight, a=leak or 0.0, nonlinearity="leaky_relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor, window: MaskWindow, skip: Tensor | None = None) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H', W')``; with a skip, ``x`` is first brought to its size and joined to it."""
        if skip is not None:
            x = torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1)  # twice the size
        y = self.conv(x, window)
        if self.norm is not None:  # its shift moves holes away from zero; put them back before the activation
            y = self.norm(y).mul_(window.valid.to(y.dtype))
        return y if self.leak is None else F.leaky_relu_(y, self.leak)


class PConvUNet(InpaintingNetwork):
    """Partial-convolution U-Net: ``levels`` halvings down, as many doublings up, a skip at every size.

    The published form has 8 levels for 512 px (32.860 M parameters); 7 levels serve 256 px (25.780 M).

    Args:
        levels: how often the picture is halved, at least 4; inputs are multiples of ``2**levels``.
        width: channels after the first stage; they double three times and stay at ``8 * width``.
        freeze_encoder_bn: keep the encoder's batch norm in eval mode and its parameters without gradient, also
            under ``.train()``: the paper's fine-tuning phase, where hole statistics shall not move the norm.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them; see
            :func:`~inlay.models.layers.checkpointed`. Does not go with :meth:`compile`.
        mean: of red, green and blue, taken off a picture before the first stage and put back behind the last.
        std: what they are divided by in between; with both at 0.5 the stages see ``[-1, 1]``.

    Raises:
        InlayError: an argument is out of range.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        levels: int = 7,
        width: int = 64,
        freeze_encoder_bn: bool = False,
        gradient_checkpointing: bool = False,
        mean: Sequence[float] = HALF,
        std: Sequence[float] = HALF,
    ) -> None:
        super().__init__()
        if not 4 <= levels <= 10:
            raise InlayError(f"model.levels must lie between 4 and 10 (7 for 256 px, 8 for 512 px), got {levels}.")
        if width < 1:
            raise InlayError(f"model.width must be at least 1, got {width}.")
        for name, numbers in (("mean", mean), ("std", std)):
            # Not in the state dict: they belong to the configuration, as the layout of the stages does.
            self.register_buffer(name, _of_colors(name, numbers), persistent=False)
        self.levels = levels
        self.size_multiple = 2**levels
        self.freeze_encoder_bn = freeze_encoder_bn
        self.gradient_checkpointing = gradient_checkpointing
        self.channels = channels = [IMAGE_CHANNELS] + [width * min(2**level, 8) for level in range(levels)]
        self.kernels = kernels = [7, 5, 5] + [3] * (levels - 3)
        self.encoder = nn.ModuleList(
            PConvBlock(PartialConv2d(channels[i], channels[i + 1], kernels[i], stride=2), norm=i > 0, leak=0.0)
            for i in range(levels)
        )
        self.decoder = nn.ModuleList(
            PConvBlock(PartialConv2d(channels[i + 1] + channels[i], channels[i], 3), norm=True, leak=LEAK)
            for i in reversed(range(1, levels))
        )
        last = PartialConv2d(channels[1] + IMAGE_CHANNELS, IMAGE_CHANNELS, 3, bias=True)
        self.decoder.append(PConvBlock(last, norm=False, leak=None))
        if freeze_encoder_bn:
            for norm in self._encoder_norms():
                norm.requires_grad_(False)
            self.train()  # a new module is in training mode; let the frozen norms leave it
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        valid = 1.0 - mask.float()
        mean, std = self.mean.to(masked.dtype), self.std.to(masked.dtype)
        x = (masked - mean) / std * valid.to(masked.dtype)  # the mean color would not be 0: blank the hole again
        x = x.contiguous(memory_format=torch.channels_last)
        encoder_windows, decoder_windows = self.plan(valid)

        skips = []
        for stage, window in zip(self.encoder, encoder_windows, strict=True):
            skips.append(x)
            x = checkpointed(stage, x, window, enabled=self.gradient_checkpointing)  # half the size
        for stage, window in zip(self.decoder, decoder_windows, strict=True):
            x = checkpointed(stage, x, window, skips.pop(), enabled=self.gradient_checkpointing)  # twice the size
        raw = x.to(torch.promote_types(x.dtype, torch.float32))  # 8 bits need more than bfloat16
        return raw * self.std + self.mean

    @torch.no_grad()
    def plan(self, valid: Tensor) -> tuple[list[MaskWindow], list[MaskWindow]]:
        """Follow the mask, ``(B, 1, H, W)`` float32 with 1 = known, through the network before any feature is computed.

        Returns:
            A window for each layer of the encoder and of the decoder, in the order of use.
        """
        pyramid, encoder, decoder = [valid], [], []
        for kernel_size in self.kernels:
            encoder.append(partial_window((pyramid[-1], 1), kernel_size=kernel_size, stride=2))
            pyramid.append(encoder[-1].valid)
        deep = pyramid[-1]
        for level in reversed(range(self.levels)):
            up = F.interpolate(deep, scale_factor=2.0, mode="nearest")
            sources = (up, self.channels[level + 1]), (pyramid[level], self.channels[level])
            decoder.append(partial_window(*sources, kernel_size=3))
            deep = decoder[-1].valid
        return encoder, decoder

    @override
    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.freeze_encoder_bn:
            for norm in self._encoder_norms():
                norm.eval()
        return self

    @override
    def compile(self, *args: Any, **kwargs: Any) -> None:
        refuse_to_compile(self.gradient_checkpointing)
        super().compile(*args, **kwargs)

    def _encoder_norms(self) -> list[nn.Module]:
        kinds = (nn.BatchNorm2d, nn.SyncBatchNorm)  # the second where several processes share a batch
        return [module for module in self.encoder.modules() if isinstance(module, kinds)]


def _of_colors(name: str, numbers: Sequence[float]) -> Tensor:
    """A number each for red, green and blue, ``(3, 1, 1)``; a standard deviation must be above 0."""
    if len(numbers) != IMAGE_CHANNELS or not all(isfinite(n) and (n > 0 or name == "mean") for n in numbers):
        above = "" if name == "mean" else " above 0"
        raise InlayError(f"model.{name} must be {IMAGE_CHANNELS} numbers{above}, got {list(numbers)}.")
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1)
