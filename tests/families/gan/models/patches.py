"""A generator and a discriminator that returns its features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.models.base import InpaintingNetwork
from inlay.models.discriminators import Discriminator, DiscriminatorOutput, PatchGrid


class PlainGenerator(InpaintingNetwork):
    """Two convolutions."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(4, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        """Fill ``(B, 3, H, W)`` pictures."""
        raw: Tensor = self.layers(torch.cat([masked, mask], dim=1))
        return raw


class PatchDiscriminator(Discriminator):
    """Two halvings, and a score per patch."""

    patch_grid = PatchGrid(4, 1.5)

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, width, 4, 2, 1), nn.Conv2d(width, width, 4, 2, 1)
        self.score = nn.Conv2d(width, 1, 1)

    def forward(self, image: Tensor) -> DiscriminatorOutput:
        """Scores and features of ``(B, 3, H, W)`` images."""
        fine = F.leaky_relu(self.first(image), 0.2)
        coarse = F.leaky_relu(self.second(fine), 0.2)
        return DiscriminatorOutput(self.score(coarse).float(), [fine, coarse])
