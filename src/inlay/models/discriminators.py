"""Networks that tell real images from filled ones."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.layers import LEAK, ResidualBlock, SelfAttention2d, spectral

IMAGE_CHANNELS = 3


class DiscriminatorOutput(NamedTuple):
    """Scores of images, and the features that they are computed from."""

    scores: Tensor
    """``(B, 1, h, w)`` float32 logits, one per patch; the higher, the more real."""
    features: list[Tensor]
    """``(B, C, h', w')`` each, from fine to coarse: what feature matching compares."""


class PatchGrid(NamedTuple):
    """Where the receptive fields of a discriminator's scores are centered, in pixels of the image."""

    stride: float
    """From one patch to the next."""
    first: float
    """Center of the first patch; negative where convolutions pad more than they cut off."""


class Discriminator(nn.Module, ABC):
    """Base of discriminators. A subclass declares what it takes; tasks read nothing else."""

    takes_mask: ClassVar[bool] = False
    """Whether ``forward`` takes the mask ``(B, 1, H, W)`` as its second argument."""
    patch_grid: PatchGrid | None = None
    """Where its patches lie; None where labels do not need to know."""

    @abstractmethod
    def forward(self, image: Tensor) -> DiscriminatorOutput:
        """Scores and features of ``(B, 3, H, W)`` RGB images in ``[0, 1]``."""


class ResidualDiscriminator(Discriminator):
    """Residual blocks with self-attention, one score per patch (TDANet specification, section 2.6).

    As published, with five halvings from 256 px, it has 1,099,554 parameters and returns 6x6 scores.

    Args:
        channels: after each halving.
        attention: number of halvings before the self-attention.

    Raises:
        InlayError: ``attention`` lies outside the network.
    """

    def __init__(self, channels: Sequence[int] = (32, 64, 128, 128, 128), attention: int = 3) -> None:
        super().__init__()
        if not 1 <= attention <= len(channels):
            raise InlayError(f"discriminator.attention must lie between 1 and {len(channels)}, got {attention}.")
        first, last = channels[0], channels[-1]
        self.stem = ResidualBlock(IMAGE_CHANNELS, first, hidden=first, down=2, activate_input=False)
        blocks: list[nn.Module] = [ResidualBlock(a, b, down=2) for a, b in pairwise(channels)]
        blocks.insert(attention - 1, SelfAttention2d(channels[attention - 1]))
        self.blocks = nn.Sequential(*blocks, ResidualBlock(last, last))
        self.scores = spectral(nn.Conv2d(last, 1, 3))
        stride = 2 ** len(channels)
        self.smallest = 3 * stride
        # pooled cells are centered at (stride - 1) / 2; the last convolution, without padding, leaves out the first one
        self.patch_grid = PatchGrid(stride, (stride - 1) / 2 + stride)
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, image: Tensor) -> DiscriminatorOutput:
        """Scores and features of images.

        Args:
            image: ``(B, 3, H, W)`` RGB in ``[0, 1]``, H and W divisible by ``2**len(channels)``.

        Raises:
            InlayError: the image is too small.
        """
        if min(image.shape[-2:]) < self.smallest:
            raise InlayError(
                f"discriminator.channels: {len(self.blocks) - 1} halvings need images of {self.smallest} px, got "
                f"{tuple(image.shape[-2:])}. Give it fewer channels or raise data.image_size."
            )
        x = self.stem((image * 2 - 1).contiguous(memory_format=torch.channels_last))
        features = [x]
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return DiscriminatorOutput(self.scores(F.leaky_relu(x, LEAK)).float(), features)
