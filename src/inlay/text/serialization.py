"""Tokenizers as plain data, for files that go where Inlay's configuration does not."""

from typing import Any, NamedTuple

from inlay.errors import InlayError
from inlay.text.base import Tokenizer
from inlay.text.recurrent import WordTokenizer
from inlay.text.transformer import SubwordTokenizer


class _Pretrained(NamedTuple):
    """The two things of a tokenizer of transformers that :class:`SubwordTokenizer` reads."""

    backend_tokenizer: Any
    pad_token_id: int


def tokenizer_to_dict(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer as numbers, strings and lists, which JSON can hold; :func:`tokenizer_from_dict` is the inverse.

    Raises:
        InlayError: it is none of Inlay's.
    """
    if isinstance(tokenizer, WordTokenizer):
        kept: dict[str, Any] = {"vocabulary": [*tokenizer.ids], "drop_unknown": tokenizer.drop_unknown}
    elif isinstance(tokenizer, SubwordTokenizer):
        backend, fill = tokenizer.backend
        kept = {"subwords": backend, "fill": fill}
    else:
        raise InlayError(f"a tokenizer of type {type(tokenizer).__name__} cannot be written to a file.")
    return kept | {"max_length": tokenizer.max_length, "pad_to_multiple_of": tokenizer.pad_to_multiple_of}


def tokenizer_from_dict(kept: dict[str, Any]) -> Tokenizer:
    """Make the tokenizer that :func:`tokenizer_to_dict` described.

    Raises:
        InlayError: the data describes none.
    """
    from tokenizers import Tokenizer as Backend

    try:
        lengths = _whole(kept["max_length"]), _whole(kept["pad_to_multiple_of"])
        if "vocabulary" in kept:
            drop = kept.get("drop_unknown", False)  # older files have none
            if not isinstance(drop, bool):
                raise TypeError(f"neither true nor false: {drop!r}")
            return WordTokenizer(kept["vocabulary"], *lengths, drop)
        return SubwordTokenizer(_Pretrained(Backend.from_str(kept["subwords"]), _whole(kept["fill"])), *lengths)
    except InlayError:
        raise
    except Exception as error:  # what the library raises has no common base
        raise InlayError(f"its tokenizer is damaged ({type(error).__name__}). Export the model again.") from error


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"no whole number: {value!r}")
    return value
