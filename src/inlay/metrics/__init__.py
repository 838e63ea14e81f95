"""How good a fill is, measured."""

from inlay.metrics.hole import HoleErrors
from inlay.metrics.inpainting import InpaintingMetrics

__all__ = ["HoleErrors", "InpaintingMetrics"]
