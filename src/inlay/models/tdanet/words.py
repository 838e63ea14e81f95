"""Dual multimodal attention: which words a picture speaks of, and which it is silent about."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from inlay.types import TextFeatures


class WordContext(NamedTuple):
    """Words as a region of the picture sees them."""

    context: Tensor
    """``(B, D, H, W)`` the words that each position attends to."""
    weights: Tensor
    """``(B, H * W, T)`` how much of which word; rows sum to 1."""


class WordAttention(nn.Module):
    """Attention from image features to words (TDANet specification, section 2.3); one instance serves both paths.

    The positive form finds the words that the features show. The negative form turns the sign of the logits before the
    softmax and finds those that they do not show: what the text asks for and the visible part lacks.

    Args:
        channels: of the image features.
        dim: of the words.
        scaled: divide logits by ``sqrt(dim)`` and let a learned temperature, 1 at first, multiply them; otherwise the
            bare product.
    """

    def __init__(self, channels: int, dim: int, scaled: bool = True) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, dim, 1, bias=False)
        nn.init.orthogonal_(self.project.weight)
        self.scale = dim**-0.5 if scaled else 1.0
        self.temperature = nn.Parameter(torch.ones(1)) if scaled else None

    def forward(self, features: Tensor, text: TextFeatures, negative: bool) -> WordContext:
        """Attend from every position of ``(B, C, H, W)`` features to the words."""
        query = self.project(features).flatten(2).mT  # (B, N, D)
        with torch.autocast(features.device.type, enabled=False):
            words = text.words.float()
            logits = query.float() @ words.mT * (-self.scale if negative else self.scale)  # (B, N, T)
            if self.temperature is not None:
                logits = logits * self.temperature
            weights = logits.masked_fill(~text.word_mask[:, None], float("-inf")).softmax(dim=2)
            context = (weights @ words).mT.reshape(words.shape[0], -1, *features.shape[2:])  # (B, D, H, W)
        return WordContext(context, weights)


def masked_max_pool(context: Tensor, region: Tensor, zero_outside_region: bool = False) -> Tensor:
    """The maximum of each channel over a region, at every position (a view, not a copy).

    Args:
        context: ``(B, D, H, W)``.
        region: ``(B, 1, H, W)`` bool; where it is empty, the maximum is taken over the whole map.
        zero_outside_region: let positions outside the region take part as zeros, also where it is empty.
    """
    if zero_outside_region:
        return context.masked_fill(~region, 0.0).amax(dim=(2, 3), keepdim=True).expand_as(context)
    region = fallback_to_full(region)
    pooled = context.masked_fill(~region, float("-inf")).amax(dim=(2, 3), keepdim=True)
    return pooled.expand_as(context)


def fallback_to_full(region: Tensor) -> Tensor:
    """A region, or the whole map for those pictures whose region is empty; ``(B, 1, H, W)`` bool."""
    empty: Tensor = ~region.flatten(1).any(dim=1)
    return region | empty.view(-1, 1, 1, 1)


def mean_word_weights(weights: Tensor, region: Tensor) -> Tensor:
    """Mean of word weights ``(B, N, T)`` over a region of N positions, ``(B, T)``; over the whole map if empty."""
    inside = fallback_to_full(region).flatten(1)[..., None]  # (B, N, 1)
    mean: Tensor = (weights.detach() * inside).sum(dim=1) / inside.sum(dim=1)
    return mean


def entropy(weights: Tensor, region: Tensor) -> Tensor:
    """Mean entropy of ``(B, N, T)`` over a region of N positions in nats: 0 is one word, ``log T`` is no choice."""
    each = torch.special.entr(weights.detach()).sum(dim=2)  # (B, N)
    inside = fallback_to_full(region).flatten(1)
    mean: Tensor = (each * inside).sum() / inside.sum()
    return mean
