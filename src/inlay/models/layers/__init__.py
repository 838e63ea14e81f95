"""Layers that more than one network may use."""

from inlay.models.layers.partial_conv import PartialConv2d, Window, partial_window
from inlay.models.layers.residual import LEAK, ResidualBlock
from inlay.models.layers.self_attention import SelfAttention2d, attend, query_conv
from inlay.models.layers.spectral import spectral

__all__ = [
    "LEAK",
    "PartialConv2d",
    "ResidualBlock",
    "SelfAttention2d",
    "Window",
    "attend",
    "partial_window",
    "query_conv",
    "spectral",
]
