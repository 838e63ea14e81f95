"""Networks that tell real images from filled ones."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.layers import LEAK, ResidualBlock, SelfAttention2d, spectral

IMAGE_CHANNELS = 3
Norm = Literal["batch", "spectral", "none"]


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


class PatchDiscriminator(Discriminator):
    """Convolutions, each with a norm and a leaky ReLU, and one more that scores patches (PatchGAN, Isola et al. 2017).

    The defaults are those of pix2pixHD and LaMa: 6,962,369 parameters, 19x19 scores of 256 px. Each patch of theirs
    sees 142 px.

    Args:
        channels: after each convolution but the scoring one.
        strides: of each of them.
        kernel: side of every kernel.
        padding: of every convolution, with zeros.
        norm: ``batch`` (not on the first), ``spectral`` (also on the scoring convolution of DeepFill), or ``none``.
        bias: whether convolutions with a norm have one.
        score: whether one more convolution, with stride 1, scores the patches; without it, all channels of the last
            one are scores, as in SN-PatchGAN (Yu et al. 2019).
        slope: of activations below zero.
        takes_mask: whether the mask is a fourth channel of the input.
        signed: whether the image is taken to ``[-1, 1]`` first: spectral norm keeps a first convolution from doing it.

    Raises:
        InlayError: an argument is out of range.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 512),
        strides: Sequence[int] = (2, 2, 2, 2, 1),
        kernel: int = 4,
        padding: int = 2,
        norm: Norm = "batch",
        bias: bool = True,
        score: bool = True,
        slope: float = 0.2,
        takes_mask: bool = False,
        signed: bool = False,
    ) -> None:
        super().__init__()
        if len(channels) != len(strides) or not channels or min(*channels, *strides) < 1:
            raise InlayError(
                "discriminator.channels and discriminator.strides must be equally many numbers of at least 1, got "
                f"{list(channels)} and {list(strides)}."
            )
        if norm not in get_args(Norm):
            raise InlayError(f"discriminator.norm must be one of {', '.join(get_args(Norm))}, got {norm!r}.")
        self.takes_mask = takes_mask  # type: ignore[misc]  # of this instance
        self.slope, self.signed = slope, signed
        stages, inputs = [], IMAGE_CHANNELS + takes_mask
        for number, (outputs, stride) in enumerate(zip(channels, strides, strict=True)):
            conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias)
            normed = nn.BatchNorm2d(outputs) if norm == "batch" and number else None
            stages.append(nn.Sequential(spectral(conv) if norm == "spectral" else conv, *([normed] if normed else [])))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.score = nn.Conv2d(inputs, 1, kernel, 1, padding) if score else None
        self.patch_grid = _grid(kernel, padding, [*strides, 1] if score else strides)
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, image: Tensor, mask: Tensor | None = None) -> DiscriminatorOutput:
        """Scores and features of images.

        Args:
            image: ``(B, 3, H, W)`` RGB in ``[0, 1]``.
            mask: ``(B, 1, H, W)``, 1 = hole; where ``takes_mask`` is true.
        """
        image = 2 * image - 1 if self.signed else image
        x = image if mask is None else torch.cat([image, mask.to(image.dtype)], dim=1)
        x = x.contiguous(memory_format=torch.channels_last)
        features = []
        for stage in self.stages:
            x = F.leaky_relu(stage(x), self.slope)
            features.append(x)
        return DiscriminatorOutput((x if self.score is None else self.score(x)).float(), features)


def _grid(kernel: int, padding: int, strides: Sequence[int]) -> PatchGrid:
    """Where the receptive fields of a stack of convolutions with one kernel and one padding are centered."""
    step, first = 1, 0.0
    for stride in strides:
        first += ((kernel - 1) / 2 - padding) * step
        step *= stride
    return PatchGrid(step, first)
