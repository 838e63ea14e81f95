"""Networks that tell photographs from fillings."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.models.layers import LEAK, ResidualBlock, SelfAttention2d, spectral

IMAGE_CHANNELS = 3


class ResidualDiscriminator(nn.Module):
    """Residual blocks with self-attention, a score a patch (TDANet specification, section 2.6).

    As published, with five halvings from 256 px, it has 1,099,554 parameters and answers with 6x6 scores.

    Args:
        channels: after each halving.
        attention: behind how many halvings self-attention stands.

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
        self.smallest = 3 * 2 ** len(channels)
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Tensor:
        """Scores of pictures, one a patch; the higher, the more like a photograph.

        Args:
            image: ``(B, 3, H, W)`` RGB in ``[0, 1]``, H and W divisible by ``2**len(channels)``.

        Returns:
            ``(B, 1, h, w)`` float32, not squashed.

        Raises:
            InlayError: the picture is too small to be scored.
        """
        if min(image.shape[-2:]) < self.smallest:
            raise InlayError(
                f"discriminator.channels: {len(self.blocks) - 1} halvings need pictures of {self.smallest} px, got "
                f"{tuple(image.shape[-2:])}. Give it fewer channels or raise data.image_size."
            )
        x = (image * 2 - 1).contiguous(memory_format=torch.channels_last)
        x = self.blocks(self.stem(x))
        return self.scores(F.leaky_relu(x, LEAK)).float()  # type: ignore[no-any-return]
