"""A text-guided network that is not TDANet: features modulated by the sentence (Perez et al. 2018)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.models.base import InpaintingNetwork
from inlay.types import TextFeatures


class FiLMNet(InpaintingNetwork):
    """Two convolutions, between which a caption scales and shifts the channels."""

    takes_text = True

    def __init__(self, width: int = 8, text_dim: int = 8) -> None:
        super().__init__()
        self.text_dim = text_dim
        self.encode = nn.Conv2d(4, width, 3, padding=1)
        self.modulate = nn.Linear(text_dim, 2 * width)
        self.decode = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, masked: Tensor, mask: Tensor, text: TextFeatures) -> Tensor:
        """Fill ``(B, 3, H, W)`` pictures by their captions."""
        x = F.silu(self.encode(torch.cat([masked, mask], dim=1)))
        scale, shift = self.modulate(text.sentence)[..., None, None].chunk(2, dim=1)
        raw: Tensor = self.decode(F.silu(x * (1 + scale) + shift))
        return raw
