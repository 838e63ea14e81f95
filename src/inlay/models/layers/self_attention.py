"""Attention of a feature map to itself, with one embedding for query and key."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_EXPLICIT = 2048  # positions up to which the whole attention map is computed at once: faster, and 16 MB per picture


def attend(query: Tensor, values: Tensor, scale: float) -> Tensor:
    """``softmax(scale * Q^T Q)`` over positions, applied to values; logits and softmax in float32.

    Args:
        query: ``(B, K, H, W)``, query and key in one, so that the energy is symmetric.
        values: ``(B, C, H, W)``; C a multiple of K.
        scale: of the logits.

    Returns:
        ``(B, C, H, W)``.
    """
    flat = query.flatten(2).mT  # (B, N, K)
    value = values.flatten(2).mT.contiguous()  # (B, N, C), as it lies in channels_last
    with torch.autocast(query.device.type, enabled=False):
        flat = flat.float()
        if torch.compiler.is_exporting() or flat.shape[1] <= _EXPLICIT:  # an exported graph has no choice left
            weights = (flat * scale @ flat.mT).softmax(dim=2)  # (B, N, N)
            attended = weights.to(value.dtype) @ value
        else:  # heads of the query's width let fused kernels apply, which never hold the map
            heads = value.view(*value.shape[:2], -1, flat.shape[2]).transpose(1, 2).float()  # (B, C / K, N, K)
            one = flat[:, None].expand(-1, heads.shape[1], -1, -1)
            attended = F.scaled_dot_product_attention(one, one, heads, scale=scale).transpose(1, 2).flatten(2)
    return attended.mT.reshape(values.shape).to(values.dtype)


class SelfAttention2d(nn.Module):
    """``x + gamma * attend(x)`` (SAGAN, Zhang et al. 2019, with one embedding); gamma starts at 0.

    The query has ``channels / reduction`` channels.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.query = query_conv(channels, channels // reduction)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        query = self.query(x)
        return x + self.gamma.to(x.dtype) * attend(query, x, query.shape[1] ** -0.5)


def query_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """The 1x1 convolution that makes queries: orthogonal, no bias to begin with, not normalized."""
    conv = nn.Conv2d(inputs, outputs, 1)
    nn.init.orthogonal_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # there is one
    return conv
