"""A network that finds objects."""

from torch import Tensor, nn


class PixelSegmenter(nn.Module):
    """A logit for each pixel, above 0 on the object."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, H, W)`` images to ``(B, 1, H, W)`` logits."""
        logits: Tensor = self.layers(image)
        return logits
