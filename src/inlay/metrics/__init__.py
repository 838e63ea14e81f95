"""How good a fill is, measured."""

from inlay.metrics.inpainting import InpaintingMetrics

__all__ = ["InpaintingMetrics"]
