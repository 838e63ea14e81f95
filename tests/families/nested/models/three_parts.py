"""A network built from three nested parts, as a latent model is from an autoencoder and a U-Net."""

import torch
from torch import Tensor, nn

from inlay.models.base import InpaintingNetwork


class Down(nn.Module):
    """Halve the resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, channels, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, 4, H, W)`` to ``(B, channels, H / 2, W / 2)``."""
        out: Tensor = self.conv(x)
        return out


class Body(nn.Module):
    """Residual convolutions."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, h, w)``, as given."""
        for conv in self.convs:
            x = x + conv(x.relu())
        return x


class Up(nn.Module):
    """Double the resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, 3, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, 3, 2 h, 2 w)``."""
        out: Tensor = self.conv(x)
        return out


class ThreeParts(InpaintingNetwork):
    """An encoder, what happens in its latent space, and a decoder."""

    size_multiple = 2

    def __init__(self, encoder: nn.Module, body: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.body, self.decoder = encoder, body, decoder

    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        """Fill ``(B, 3, H, W)`` pictures."""
        raw: Tensor = self.decoder(self.body(self.encoder(torch.cat([masked, mask], dim=1))))
        return raw
