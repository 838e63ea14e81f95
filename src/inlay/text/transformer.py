"""Text encoders on a pretrained transformer, frozen as a rule: CLIP's text tower and BERT."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.frozen import Frozen
from inlay.pretrained.transformers import Source
from inlay.text.base import TextEncoder, check_lengths, padded
from inlay.types import TextFeatures, Tokens

log = logging.getLogger(__name__)


class SubwordTokenizer:
    """Captions to subwords between the special tokens of a pretrained network.

    Args:
        tokenizer: of transformers; only the part that encodes is kept, which workers load without transformers.
        max_length: longer captions are cut off; counts special tokens.
        pad_to_multiple_of: T is rounded up to a multiple of this, or to ``max_length``.
    """

    def __init__(self, tokenizer: Any, max_length: int, pad_to_multiple_of: int = 1) -> None:
        self.max_length = max_length
        self.pad_to_multiple_of = pad_to_multiple_of
        self._fill = tokenizer.pad_token_id
        self._encoder = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
        self._encoder.no_padding()
        self._encoder.enable_truncation(max_length)

    def __call__(self, captions: Sequence[str]) -> Tokens:
        """``(B, T)`` tokens; every subword, an unknown one too, is a real word."""
        self._encoder.encode_special_tokens = True  # a "[SEP]" in a caption is text; pickling forgets it
        found = self._encoder.encode_batch(list(captions))
        words = [[not special for special in caption.special_tokens_mask] for caption in found]
        return padded([caption.ids for caption in found], words, self._fill, self.max_length, self.pad_to_multiple_of)

    @property
    def backend(self) -> tuple[str, int]:
        """What encodes, as tokenizers writes it to tokenizer.json, and the id that pads."""
        return self._encoder.to_str(), self._fill

    def pieces(self, caption: str) -> list[str]:
        """The subwords of a caption that are read, with the special tokens; none for a caption without words."""
        found = self._encoder.encode(caption)
        return list(found.tokens) if not all(found.special_tokens_mask) else []


class FrozenBackbone(Frozen):
    """A network that is used as it is: no gradient, eval mode, in no checkpoint."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.freeze()

    @torch.no_grad()
    def forward(self, **inputs: Tensor) -> Any:
        """The network's output, without gradient."""
        return self.net(**inputs)


class TransformerEncoder(TextEncoder):
    """A pretrained network, and a projection and layer norm each for its words and its sentence, which are learned.

    Args:
        model: a folder as ``save_pretrained`` of transformers writes it, or a name on the Hugging Face hub, which is
            downloaded once.
        dim: D.
        max_length: longer captions are cut off; counts the special tokens. At most what the network has positions for.
        pretrained: False gives the network random weights, which must be asked for.
        frozen: keep the network as it is, and out of checkpoints; False trains it.
        pad_to_multiple_of: T is rounded up to a multiple of this, or to ``max_length``; 8 for a compiled network.

    Raises:
        InlayError: an argument is out of range, or ``model`` cannot be loaded; the message says which files go where.
    """

    kinds: ClassVar[tuple[str, ...]]
    """The model types that serve."""

    def __init__(
        self,
        model: str,
        dim: int = 256,
        max_length: int = 77,
        pretrained: bool = True,
        frozen: bool = True,
        pad_to_multiple_of: int = 1,
    ) -> None:
        super().__init__(dim)
        check_lengths(max_length, pad_to_multiple_of, least=3)  # a word between two special tokens
        net, tokenizer, config = _load(model, self.kinds, pretrained)
        self.tokenizer = SubwordTokenizer(
            tokenizer, min(max_length, config.max_position_embeddings), pad_to_multiple_of
        )
        self.backbone = FrozenBackbone(net) if frozen else net.train()  # transformers hands it over in eval mode
        self.to_words = nn.Sequential(nn.Linear(config.hidden_size, dim), nn.LayerNorm(dim))
        self.to_sentence = nn.Sequential(nn.Linear(config.hidden_size, dim), nn.LayerNorm(dim))

    @override
    def encode(self, tokens: Tokens) -> TextFeatures:
        states = self.backbone(input_ids=tokens["input_ids"], attention_mask=self.attended(tokens))
        states = states.last_hidden_state  # (B, T, C)
        sentence = self.summarize(states, tokens)  # (B, C)
        return TextFeatures(self.to_words(states), self.to_sentence(sentence), tokens["words"])

    def attended(self, tokens: Tokens) -> Tensor:
        """Which positions each position looks at: ``(B, 1, T, T)`` bool."""
        return visible(tokens)

    @abstractmethod
    def summarize(self, states: Tensor, tokens: Tokens) -> Tensor:
        """A sentence of the states of its words: ``(B, T, C)`` to ``(B, C)``."""


class CLIPEncoder(TransformerEncoder):
    """CLIP's text tower (Radford et al. 2021).

    Words know what stands left of them; the sentence is the end token's state, before CLIP's own projection.
    Arguments and errors: :class:`TransformerEncoder`.
    """

    kinds = ("clip", "clip_text_model")

    @override
    def attended(self, tokens: Tokens) -> Tensor:
        return visible(tokens).tril()  # no position looks ahead

    @override
    def summarize(self, states: Tensor, tokens: Tokens) -> Tensor:
        return last_state(states, tokens)


class BERTEncoder(TransformerEncoder):
    """BERT (Devlin et al. 2019) or DistilBERT (Sanh et al. 2019).

    The sentence is the mean of its words' states: BERT's own pooler is made for another question, whether one sentence
    follows another. Arguments and errors: :class:`TransformerEncoder`.
    """

    kinds = ("bert", "distilbert")

    @override
    def summarize(self, states: Tensor, tokens: Tokens) -> Tensor:
        words = tokens["words"][..., None]  # (B, T, 1)
        return torch.where(words, states, 0.0).sum(1) / words.sum(1).clamp(min=1)


def visible(tokens: Tokens) -> Tensor:
    """The tokens at which every position may look: ``(B, 1, T, T)`` bool."""
    # Given as (B, T), transformers would ask whether it pads at all, for which a GPU has to wait.
    return tokens["attention_mask"][:, None, None, :].expand(-1, 1, tokens["attention_mask"].shape[1], -1)


def last_state(states: Tensor, tokens: Tokens) -> Tensor:
    """The states ``(B, T, C)`` of the end tokens: ``(B, C)``."""
    last = tokens["attention_mask"].sum(1, keepdim=True) - 1  # (B, 1); it pads, too, so its id would not find it
    return states.gather(1, last[..., None].expand(-1, -1, states.shape[2]))[:, 0]


def _load(model: str, kinds: Sequence[str], pretrained: bool) -> tuple[Any, Any, Any]:
    """A text network in float32, of two towers the text's alone, its tokenizer and its configuration."""
    source = Source(model, "text.model", "To try a run without them: text=gru.")
    whole = source.config()
    if whole.model_type not in kinds:
        raise InlayError(
            f"{source}: must be a network of type {' or '.join(kinds)}, got {whole.model_type}. "
            "CLIP wants text=clip, BERT and DistilBERT text=bert."
        )
    config = getattr(whole, "text_config", whole)
    tokenizer = source.tokenizer(config.vocab_size)
    if not pretrained:
        log.warning("text.pretrained=false: the text network %s has random weights.", model)
    return source.network(config, pretrained), tokenizer, config
