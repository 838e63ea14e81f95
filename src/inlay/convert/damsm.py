"""The text side of DAMSM (AttnGAN), which the official TDANet reads captions with: a file and a vocabulary of its own.

Its words count from 1; number 0 is the end of a caption, which it never reads, and words that it does not know are left
out. Ours count from 2, behind the padding and a word for everything unknown: that takes the place of the end, and is
what the null caption is made of.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inlay.convert.files import Move, carried, entry, opened, shapes_of, tensors
from inlay.errors import BadFile, InlayError
from inlay.files import read_bytes
from inlay.text import LSTMEncoder
from inlay.text.vocabulary import UNKNOWN, words_of
from inlay.types import Tokens

MAX_WORDS = 128
_WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
_SAFE = "Put its words into a text file, one a line, or into a JSON list, in the order of their numbers"
_SCRIPT = (
    "import json, pickle; words = pickle.load(open('captions.pickle', 'rb'))[2]; "
    "json.dump([words[number] for number in sorted(words)], open('words.json', 'w'))"
)


class Reader(NamedTuple):
    """A text encoder of ours."""

    settings: dict[str, Any]
    state: dict[str, Tensor]
    moves: Sequence[Move]
    remarks: Sequence[str]
    summary: str
    """Which captions it reads, in a sentence."""


def silent(dim: int) -> Reader:
    """An encoder that reads nothing: its features are zeros for every caption, as without any."""
    settings = _arguments(["unread"], dim, embedding=1)  # a vocabulary has at least one word
    state = {key: torch.zeros_like(value) for key, value in LSTMEncoder(**settings).state_dict().items()}
    summary = "not read, since its text encoder was not imported (`--text`, `--words`); the picture alone decides."
    return Reader(settings, state, [], [], summary)


def read_captions(text: str | Path, words: str | Path | None, dim: int) -> Reader:
    """The encoder of a state dict and a list of words.

    A caption without words, which the original cannot read, has the features of its end alone.

    Args:
        text: the state dict's file.
        words: its words, see :func:`read_words`.
        dim: width of the features that the network takes.

    Raises:
        InlayError: see :func:`~inlay.convert.files.opened`; or it is no LSTM of that width, or the words are
            not its words.
    """
    if words is None:
        raise InlayError("--text needs --words, the list of the words that it reads. Add it.")
    path = Path(text)
    state = tensors(path, opened(path))
    table = entry(state, "encoder.weight", str(path), dims=2)
    numbered = read_words(words)
    if len(numbered) != len(table):
        raise InlayError(f"{words}: {len(numbered):,} words, but {path} knows {len(table):,}. Give its own list.")
    kept = [number for number, word in enumerate(numbered) if number > 0 and words_of(word) == [word]]
    settings = _arguments([numbered[number] for number in kept], dim, table.shape[1])
    moves = _moves(tuple(table.shape), dim, settings)
    ours = carried(str(path), state, moves)
    rows = ours["embedding.weight"]
    ours["embedding.weight"] = torch.cat([torch.zeros(1, rows.shape[1]), rows[[0, *kept]]])
    ours |= _null(settings, ours, dim)
    dropped = [numbered[number] for number in range(1, len(numbered)) if number not in set(kept)]
    remarks = (
        [f"{len(dropped)} words left out, as no caption is cut into them: {', '.join(dropped)}"] if dropped else []
    )
    remarks.append("null_word, null_sentence: what is read of the end of a caption alone")
    summary = (
        f"read with {len(kept):,} words of its own; others are left out, as in the original. Words with hyphens, "
        "apostrophes or letters beyond ASCII the original cuts in its own way."
    )
    return Reader(settings, ours, moves, remarks, summary)


def read_words(path: str | Path) -> list[str]:
    """The words of an encoder in the order of their numbers, the first for the end of a caption.

    Args:
        path: a text file, one word a line, or a JSON list.

    Raises:
        InlayError: it is missing, a pickle, or no such list.
    """
    path = Path(path)
    try:
        content = read_bytes(path)
    except BadFile as error:
        raise InlayError(f"{path}: {error.reason}. {_SAFE}.") from None
    if content[:1] == b"\x80" or path.suffix in (".pickle", ".pkl"):
        raise InlayError(
            f"{path}: a pickle, which runs code when it is opened, so Inlay does not open it. {_SAFE}; if you trust "
            f'where it comes from: python -c "{_SCRIPT}"'
        )
    try:
        listed = content.decode("utf-8")
        found = json.loads(listed) if listed.lstrip().startswith("[") else listed.split("\n")
    except (ValueError, RecursionError) as error:  # neither UTF-8 nor JSON
        raise InlayError(f"{path}: no list of words ({error}). {_SAFE}.") from None
    if isinstance(found, list) and found and found[-1] == "":
        found.pop()  # behind the last line
    words = [word.strip() if isinstance(word, str) else "" for word in found]
    if not words or not all(words) or len(set(words)) < len(words):
        raise InlayError(f"{path}: a word is missing, empty, or there twice. {_SAFE}.")
    return words


def _arguments(vocabulary: list[str], dim: int, embedding: int) -> dict[str, Any]:
    sizes = {"dim": dim, "embedding": embedding, "max_length": MAX_WORDS}
    return {"vocabulary": vocabulary, **sizes, "frozen": True, "drop_unknown": True}


def _moves(table: tuple[int, ...], dim: int, settings: dict[str, Any]) -> list[Move]:
    shapes = shapes_of(LSTMEncoder, settings)
    what = "rows copied: the end of a caption, then words; before them a row of zeros that pads"
    moves = [Move("encoder.weight", table, "embedding.weight", what)]
    for suffix, ours in (("", "ahead"), ("_reverse", "back")):
        moves += [Move(f"rnn.{name}{suffix}", shapes[f"{ours}.{name}"], f"{ours}.{name}") for name in _WEIGHTS]
    return moves


@torch.no_grad()
def _null(settings: dict[str, Any], state: dict[str, Tensor], dim: int) -> dict[str, Tensor]:
    """Features of a caption without words: those of its end alone."""
    encoder = LSTMEncoder(**settings)
    encoder.load_state_dict({**state, "null_word": torch.zeros(dim), "null_sentence": torch.zeros(dim)})
    said = torch.ones(1, 1, dtype=torch.bool)
    words, sentence, _ = encoder.encode(Tokens(input_ids=torch.tensor([[UNKNOWN]]), attention_mask=said, words=said))
    return {"null_word": words[0, 0].clone(), "null_sentence": sentence[0].clone()}
