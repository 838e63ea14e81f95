"""Layers that more than one network may use."""

from inlay.models.layers.partial_conv import PartialConv2d, Window, partial_window

__all__ = ["PartialConv2d", "Window", "partial_window"]
