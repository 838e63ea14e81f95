"""The base of text encoders: a tokenizer, features of words and sentence, and learned features for no caption."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from inlay.errors import InlayError
from inlay.types import TextFeatures, Tokens

LONGEST = 10_000
"""Tokens of a caption: no network has positions for more, and one that is padded to them takes so much memory."""


class Tokenizer(Protocol):
    """Captions to numbers, on the CPU. Picklable: it runs where batches are put together, in a loader's workers."""

    def __call__(self, captions: Sequence[str]) -> Tokens:
        """Tokens of a batch, padded to its longest caption; T is at least 1, also where all captions are empty."""
        ...

    def pieces(self, caption: str) -> list[str]:
        """The text at each position of a caption's tokens, for display; empty for a caption without words."""
        ...


class TextEncoder(nn.Module, ABC):
    """Base of text encoders: what stands for a caption where there is none.

    A caption without a real word, an empty one or one that was dropped in training, gets the learned
    ``null_sentence``, and the learned ``null_word`` as its only word.

    Args:
        dim: D, the width of the features.

    Raises:
        InlayError: ``dim`` is below 1.

    Attributes:
        dim: D.
        tokenizer: makes the tokens that this encoder reads.
    """

    tokenizer: Tokenizer

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim < 1:
            raise InlayError(f"text.dim must be at least 1 (256 as a rule), got {dim}.")
        self.dim = dim
        # Of length 1, so that a cosine with them has a gradient from the start.
        self.null_word = nn.Parameter(torch.randn(dim) * dim**-0.5)
        self.null_sentence = nn.Parameter(torch.randn(dim) * dim**-0.5)

    def forward(self, tokens: Tokens) -> TextFeatures:
        """Features of a batch of captions; a caption's do not depend on how far the batch is padded.

        Args:
            tokens: of this encoder's tokenizer, on the encoder's device.

        Returns:
            Words ``(B, T, D)``, zero where ``word_mask`` is False; sentence ``(B, D)``; word mask ``(B, T)``.
        """
        words, sentence, word_mask = self.encode(tokens)
        # Selections instead of branches: a branch would make a GPU wait for the host, and leave the null caption
        # without a gradient in most steps, which DistributedDataParallel refuses.
        real = word_mask.any(1, keepdim=True)  # (B, 1)
        null = ~real & (torch.arange(word_mask.shape[1], device=word_mask.device) == 0)  # (B, T)
        words = torch.where(word_mask[..., None], words, 0.0)
        words = torch.where(null[..., None], self.null_word, words)
        return TextFeatures(words, torch.where(real, sentence, self.null_sentence), word_mask | null)

    @abstractmethod
    def encode(self, tokens: Tokens) -> TextFeatures:
        """Features of captions that have words; finite, whatever they are, where a caption has none.

        Returns:
            ``word_mask`` is ``tokens["words"]``; words outside it may be anything finite.
        """


def padded(
    ids: Sequence[Sequence[int]], words: Sequence[Sequence[bool]], fill: int, limit: int, pad_to_multiple_of: int
) -> Tokens:
    """Put captions of different lengths into one batch.

    Args:
        ids: of each caption, at most ``limit``.
        words: which of them are real words.
        fill: the id that pads.
        limit: the most T may be.
        pad_to_multiple_of: T is rounded up to a multiple of this, or to ``limit``, so that a compiled network sees few
            lengths.
    """
    longest = max([1, *map(len, ids)])
    length = min(-(-longest // pad_to_multiple_of) * pad_to_multiple_of, limit)
    return Tokens(
        input_ids=torch.tensor([[*row, *[fill] * (length - len(row))] for row in ids]).reshape(-1, length).long(),
        attention_mask=torch.tensor([[t < len(row) for t in range(length)] for row in ids]).reshape(-1, length).bool(),
        words=torch.tensor([[*row, *[False] * (length - len(row))] for row in words]).reshape(-1, length).bool(),
    )


def check_lengths(max_length: int, pad_to_multiple_of: int, least: int) -> None:
    """Refuse lengths that no caption fits into, and those that would fill the memory, with an :class:`InlayError`."""
    if not least <= max_length <= LONGEST:
        raise InlayError(f"text.max_length must be at least {least} and at most {LONGEST:,}, got {max_length}.")
    if pad_to_multiple_of < 1:
        raise InlayError(
            f"text.pad_to_multiple_of must be at least 1 (8 for a network that is compiled), got {pad_to_multiple_of}."
        )
