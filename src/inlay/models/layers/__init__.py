"""Layers that more than one network may use."""

from inlay.models.layers.conv_norm import ConvNorm, folded
from inlay.models.layers.cpu_sync_batch_norm import convert_sync_batchnorm, revert_sync_batchnorm
from inlay.models.layers.gradient_checkpointing import checkpointed, refuse_to_compile
from inlay.models.layers.partial_conv import MaskWindow, PartialConv2d, partial_window
from inlay.models.layers.residual import LEAK, ResidualBlock
from inlay.models.layers.self_attention import SelfAttention2d, attend, query_conv
from inlay.models.layers.spectral import power_iterations_paused, spectral

__all__ = [
    "LEAK",
    "ConvNorm",
    "MaskWindow",
    "PartialConv2d",
    "ResidualBlock",
    "SelfAttention2d",
    "attend",
    "checkpointed",
    "convert_sync_batchnorm",
    "folded",
    "partial_window",
    "power_iterations_paused",
    "query_conv",
    "refuse_to_compile",
    "revert_sync_batchnorm",
    "spectral",
]
