"""A stochastic network that fills in several steps, towards what a guided denoiser predicts."""

import torch
from torch import Tensor, nn

from inlay.models.base import InpaintingNetwork, NoiseSpec


class Walker(InpaintingNetwork):
    """Begins with noise in the hole, and walks to the prediction in equal steps."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(7, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 3, 3, padding=1))
        self.noise_spec = NoiseSpec(channels=3)
        self.steps, self.guidance = 1, 1.0

    def for_inference(self, steps: int = 1, guidance: float = 1.0) -> None:
        """Set how many steps there are, and by how much the known pixels count for more than none."""
        self.steps, self.guidance = steps, guidance

    def forward(self, masked: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
        """Fill ``(B, 3, H, W)`` pictures from ``(B, 3, H, W)`` noise, or from gray."""
        x = torch.zeros_like(masked) if noise is None else noise
        for left in range(self.steps, 0, -1):
            guided = self._denoised(x, masked, mask)
            if self.guidance != 1.0:
                free = self._denoised(x, torch.zeros_like(masked), torch.ones_like(mask))
                guided = free + self.guidance * (guided - free)
            x = x + (guided - x) / left
        return x

    def _denoised(self, x: Tensor, masked: Tensor, mask: Tensor) -> Tensor:
        out: Tensor = self.layers(torch.cat([x, masked, mask], dim=1))
        return out
