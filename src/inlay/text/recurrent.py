"""Text encoders with a vocabulary of our own: recurrent networks that read a caption in both directions."""

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.text.base import TextEncoder, check_lengths, padded
from inlay.text.vocabulary import PADDING, SPECIAL, UNKNOWN, checked, words_of
from inlay.types import TextFeatures, Tokens


class WordTokenizer:
    """Captions to the numbers of their words: 0 pads, 1 is a word that the vocabulary lacks, words count from 2.

    Args:
        vocabulary: the words, each once.
        max_length: longer captions are cut off.
        pad_to_multiple_of: T is rounded up to a multiple of this, or to ``max_length``.
        drop_unknown: words that the vocabulary lacks are left out, as if they were not written.

    Raises:
        InlayError: ``vocabulary`` is no list of words, or a number is below 1.
    """

    def __init__(
        self, vocabulary: Sequence[str], max_length: int, pad_to_multiple_of: int = 1, drop_unknown: bool = False
    ) -> None:
        check_lengths(max_length, pad_to_multiple_of, least=1)
        self.max_length = max_length
        self.pad_to_multiple_of = pad_to_multiple_of
        self.drop_unknown = drop_unknown
        self.ids = {word: number for number, word in enumerate(checked(vocabulary, "text.vocabulary"), SPECIAL)}

    def __call__(self, captions: Sequence[str]) -> Tokens:
        """``(B, T)`` tokens; every word, an unknown one that is not dropped too, is a real word."""
        ids = [[self.ids.get(word, UNKNOWN) for word in self.pieces(caption)] for caption in captions]
        return padded(ids, [[True] * len(row) for row in ids], PADDING, self.max_length, self.pad_to_multiple_of)

    def pieces(self, caption: str) -> list[str]:
        """The words of a caption that are read; unknown ones as they are written, or dropped."""
        words = words_of(caption)
        if self.drop_unknown:
            words = [word for word in words if word in self.ids]
        return words[: self.max_length]


class RecurrentEncoder(TextEncoder):
    """One recurrent layer in each direction over learned embeddings; D/2 channels a direction.

    A word's feature is what both directions know after reading it; the sentence's is what they know at their ends.

    Args:
        vocabulary: the words, from :mod:`inlay.text.vocabulary`.
        dim: D, even.
        embedding: channels of a word before it is read.
        max_length: longer captions are cut off.
        dropout: share of the embeddings' channels that is dropped in training.
        pad_to_multiple_of: T is rounded up to a multiple of this, or to ``max_length``; 8 for a compiled network.
        frozen: the weights come from a checkpoint that is loaded into this encoder, and stay as they are: eval mode
            always, no gradient. The null caption is still learned, and everything is in the state dict.
        drop_unknown: words that the vocabulary lacks are left out, instead of being read as one word for all of them;
            a caption of nothing else is the null caption.

    Raises:
        InlayError: an argument is out of range, or ``vocabulary`` is no list of words.
    """

    cell: ClassVar[type[nn.GRU] | type[nn.LSTM]]

    def __init__(
        self,
        vocabulary: Sequence[str],
        dim: int = 256,
        embedding: int = 300,
        max_length: int = 64,
        dropout: float = 0.5,
        pad_to_multiple_of: int = 1,
        frozen: bool = False,
        drop_unknown: bool = False,
    ) -> None:
        super().__init__(dim)
        if dim % 2:
            raise InlayError(f"text.dim must be even (half of it reads in each direction), got {dim}.")
        if embedding < 1:
            raise InlayError(f"text.embedding must be at least 1 (300 as a rule), got {embedding}.")
        if not 0 <= dropout < 1:
            raise InlayError(f"text.dropout must be at least 0 and below 1, got {dropout}.")
        self.tokenizer = WordTokenizer(vocabulary, max_length, pad_to_multiple_of, drop_unknown)
        self.frozen = frozen
        self.embedding = nn.Embedding(len(vocabulary) + SPECIAL, embedding, padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        # Two networks of one direction: torch's bidirectional one would begin to read backward in the padding, or
        # want the lengths on the host, which makes a GPU wait.
        self.ahead = self.cell(embedding, dim // 2, batch_first=True)
        self.back = self.cell(embedding, dim // 2, batch_first=True)
        if frozen:
            for part in (self.embedding, self.ahead, self.back):
                part.requires_grad_(False)
            self.train()  # a new module is in training mode; leave it

    @override
    def encode(self, tokens: Tokens) -> TextFeatures:
        length = tokens["words"].sum(1, keepdim=True).clamp(min=1)  # (B, 1); 1 for no caption, so that it has an end
        reversed_ = reverse_indices(length, tokens["words"].shape[1])  # (B, T)
        embedded = self.dropout(self.embedding(tokens["input_ids"]))  # (B, T, E)
        # In full precision under autocast, too: it takes no time, and torch has no half-precision LSTM for every CPU.
        with torch.autocast(embedded.device.type, enabled=False):
            ahead = self.ahead(embedded)[0]  # (B, T, D/2)
            back = gather_time(self.back(gather_time(embedded, reversed_))[0], reversed_)
        sentence = torch.cat([gather_time(ahead, length - 1)[:, 0], back[:, 0]], dim=1)  # (B, D)
        return TextFeatures(torch.cat([ahead, back], dim=2), sentence, tokens["words"])

    def train(self, mode: bool = True) -> Self:
        """Switch to training, unless frozen."""
        return super().train(mode and not self.frozen)


class GRUEncoder(RecurrentEncoder):
    """Bidirectional GRU: the encoder for a machine without downloaded weights (330,240 weights and 300 a word)."""

    cell = nn.GRU


class LSTMEncoder(RecurrentEncoder):
    """Bidirectional LSTM: the text side of DAMSM (Xu et al. 2018, AttnGAN, section 3.2).

    440,320 weights and 300 a word. The sentence is the final hidden states, not the cells.
    """

    cell = nn.LSTM


def reverse_indices(length: Tensor, size: int) -> Tensor:
    """Positions that read captions of ``length`` ``(B, 1)`` backward and leave their padding: ``(B, size)``."""
    position = torch.arange(size, device=length.device)
    return torch.where(position < length, length - 1 - position, position)


def gather_time(features: Tensor, positions: Tensor) -> Tensor:
    """Features at other positions: ``(B, T, C)`` at ``(B, N)`` is ``(B, N, C)``."""
    return features.gather(1, positions[..., None].expand(-1, -1, features.shape[2]))
