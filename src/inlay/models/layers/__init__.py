"""Layers that more than one network may use."""

from inlay.models.layers.cpu_sync_batch_norm import keep_statistics, share_statistics
from inlay.models.layers.gradient_checkpointing import checkpointed, refuse_to_compile
from inlay.models.layers.partial_conv import PartialConv2d, Window, partial_window
from inlay.models.layers.residual import LEAK, ResidualBlock
from inlay.models.layers.self_attention import SelfAttention2d, attend, query_conv
from inlay.models.layers.spectral import iterations_held, spectral

__all__ = [
    "LEAK",
    "PartialConv2d",
    "ResidualBlock",
    "SelfAttention2d",
    "Window",
    "attend",
    "checkpointed",
    "iterations_held",
    "keep_statistics",
    "partial_window",
    "query_conv",
    "refuse_to_compile",
    "share_statistics",
    "spectral",
]
