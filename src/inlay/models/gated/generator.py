"""The coarse-to-fine generator of DeepFillv2 (Yu et al. 2019, section 3.3)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork
from inlay.models.gated.attention import ContextualAttention
from inlay.models.gated.layers import GatedConv, UpGatedConv

IMAGE_CHANNELS = 3


class DeepFill(InpaintingNetwork):
    """Gated convolutions throughout: a coarse network, then one that refines its picture along two branches.

    One branch sees far by dilated convolutions, the other copies from what is known by
    :class:`~inlay.models.gated.attention.ContextualAttention`. There is no norm. With width 24, which is what gates
    leave of the published 48, it has 4,052,478 parameters.

    Args:
        width: channels after the first convolution, an even number.
        zero_excluded: how attention leaves out patches that touch the hole: as published, for imported weights
            (:class:`~inlay.models.gated.attention.ContextualAttention`).

    Raises:
        InlayError: ``width`` is not even, or too small.
    """

    coarse_to_fine: ClassVar[bool] = True
    size_multiple = 8
    smallest_size = 8

    def __init__(self, width: int = 24, zero_excluded: bool = False) -> None:
        super().__init__()
        if width < 2 or width % 2:
            raise InlayError(f"model.width must be an even number of at least 2, got {width}.")
        c = width
        self.coarse = nn.Sequential(
            *_encoder(IMAGE_CHANNELS + 2, [c, 2 * c, 2 * c, 4 * c, 4 * c, 4 * c]),
            *_dilated(4 * c),
            *_decoder(4 * c, 4 * c),
        )
        widths = [c, c, 2 * c, 2 * c, 4 * c, 4 * c]
        self.far = nn.Sequential(*_encoder(IMAGE_CHANNELS, widths), *_dilated(4 * c))
        widths = [c, c, 2 * c, 4 * c, 4 * c]
        to_attention = GatedConv(4 * c, 4 * c, activation=F.relu)
        self.near = nn.Sequential(*_encoder(IMAGE_CHANNELS, widths), to_attention)
        self.attention = ContextualAttention(zero_excluded)
        self.attended = nn.Sequential(GatedConv(4 * c, 4 * c), GatedConv(4 * c, 4 * c))
        self.fine = nn.Sequential(*_decoder(8 * c, 4 * c))
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, masked: Tensor, mask: Tensor, *, stages: bool = False) -> Tensor | list[Tensor]:
        """Fill the whole frame.

        Args:
            masked: ``(B, 3, H, W)`` RGB in ``[0, 1]`` with the hole blanked; H and W divisible by 8.
            mask: ``(B, 1, H, W)``, 1 = hole.
            stages: whether to return the coarse picture, too.

        Returns:
            ``raw``, ``(B, 3, H, W)`` in ``[0, 1]``; or the coarse picture and ``raw``.

        Raises:
            InlayError: the network does not take the size.
        """
        if not torch.compiler.is_exporting():
            self.check_size(*masked.shape[-2:])
        mask = mask.to(masked.dtype)
        known = (2 * masked - 1) * (1 - mask)  # the hole is 0, as before the change of range
        x = torch.cat([known, torch.ones_like(mask), mask], dim=1).contiguous(memory_format=torch.channels_last)
        coarse = _bounded(self.coarse(x))
        pasted = (coarse * mask + known).contiguous(memory_format=torch.channels_last)
        attended = self.attended(self.attention(self.near(pasted), mask))
        fine = _bounded(self.fine(torch.cat([self.far(pasted), attended], dim=1)))
        pictures = [(picture + 1) / 2 for picture in (coarse, fine)]
        return pictures if stages else pictures[-1]


def _bounded(x: Tensor) -> Tensor:
    return torch.tanh(x.to(torch.promote_types(x.dtype, torch.float32)))  # 8 bits need more than bfloat16


def _encoder(inputs: int, widths: list[int]) -> list[nn.Module]:
    """A kernel of 5x5, then 3x3; the second and the fourth layer halve the size."""
    layers: list[nn.Module] = []
    for number, outputs in enumerate(widths):
        layers.append(GatedConv(inputs, outputs, kernel=3 if number else 5, stride=2 if number in (1, 3) else 1))
        inputs = outputs
    return layers


def _dilated(width: int) -> list[nn.Module]:
    return [GatedConv(width, width, dilation=rate) for rate in (2, 4, 8, 16)]


def _decoder(inputs: int, width: int) -> list[nn.Module]:
    half, quarter = width // 2, width // 4
    return [
        *(GatedConv(inputs, width), GatedConv(width, width)),
        *(UpGatedConv(width, half), GatedConv(half, half)),
        *(UpGatedConv(half, quarter), GatedConv(quarter, quarter // 2)),
        nn.Conv2d(quarter // 2, IMAGE_CHANNELS, 3, padding=1),
    ]
