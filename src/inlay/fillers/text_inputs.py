"""What text-guided fillers have in common, whatever computes them: what they are told, and what they draw."""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from inlay.errors import InlayError
from inlay.randomness import RngStream, torch_seed
from inlay.text import Tokenizer
from inlay.text.recurrent import WordTokenizer
from inlay.text.transformer import SubwordTokenizer
from inlay.text.vocabulary import words_of


def one_each(text: Sequence[str] | None, count: int) -> Sequence[str]:
    """The texts of so many pictures; empty ones where there is none at all.

    Raises:
        InlayError: ``text`` is not one text a picture.
    """
    text = [""] * count if text is None else text
    if isinstance(text, str) or len(text) != count:  # letters would make a sequence of texts, too
        raise InlayError(f"text must be a list of {count} texts, one a picture, got {text!r}.")
    return text


def latent_draws(shape: Sequence[int], seed: int | Sequence[int]) -> Tensor:
    """Standard normal draws for a latent, drawn on the CPU and for each picture by itself.

    Neither the device nor the batch's size changes a draw.

    Args:
        shape: ``(B, C, h, w)`` of the latent.
        seed: of all pictures, which get draws of their own; or one a picture, each as if it were alone.

    Returns:
        ``shape`` float32 on the CPU.

    Raises:
        InlayError: the seeds are not one a picture.
    """
    batch, *each = shape
    if isinstance(seed, int):
        numbers = [torch_seed(seed, RngStream.LATENT, index=index) for index in range(batch)]
    elif len(seed) == batch:
        numbers = [torch_seed(one, RngStream.LATENT) for one in seed]
    else:
        raise InlayError(f"seed must be one number or a list of {batch}, one a picture, got {seed!r}.")
    return torch.stack([torch.randn(each, generator=torch.Generator().manual_seed(number)) for number in numbers])


def doubts(tokenizer: Tokenizer, text: str) -> list[str]:
    """See :meth:`inlay.fillers.Filler.doubts`: no words, a text that is cut off, words that are not known."""
    text = text.strip()
    seen = _seen(tokenizer, text)
    if text and not seen:
        return ["it has no words, so the context decides."]
    found = []
    if _longer(text, seen, tokenizer):
        read = len(tokenizer.pieces(text))
        found.append(f"it is too long: the model reads {read} words or parts of words, the rest is cut off.")
    if isinstance(tokenizer, WordTokenizer) and (new := [w for w in dict.fromkeys(seen) if w not in tokenizer.ids]):
        fate = "leaves them out" if tokenizer.drop_unknown else "cannot tell them apart"
        found.append(f"the model never learned these words and {fate}: {', '.join(new)}.")
    return found


def _seen(tokenizer: Tokenizer, text: str) -> list[str]:
    """The pieces of a text up to where the model stops reading, those that it leaves out among them."""
    if not isinstance(tokenizer, WordTokenizer):
        return tokenizer.pieces(text)
    words = words_of(text)
    counts = accumulate(not tokenizer.drop_unknown or word in tokenizer.ids for word in words)
    return [word for word, count in zip(words, counts, strict=True) if count <= tokenizer.max_words]


def _longer(text: str, seen: list[str], tokenizer: Tokenizer) -> bool:
    """Whether a text goes on where its pieces that are seen end."""
    if isinstance(tokenizer, WordTokenizer):
        return len(words_of(text)) > len(seen)
    # Subwords do not say how many there were; yet of what is cut off, the end can be left out and nothing changes.
    full = isinstance(tokenizer, SubwordTokenizer) and len(seen) == tokenizer.max_words
    return full and tokenizer.pieces(text[:-1]) == seen
