"""The words that an encoder of our own knows: found in captions, most frequent first, kept as JSON."""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from inlay.errors import BadFile, InlayError
from inlay.files import read_text, write_text

PADDING, UNKNOWN = 0, 1
SPECIAL = 2
"""How many ids stand before the first word's."""

_FORMAT, _VERSION = "inlay-vocabulary", 1
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")  # letters and digits of any script; apostrophes between them


def words_of(caption: str) -> list[str]:
    """The words of a caption in lower case: runs of letters and digits, with apostrophes inside ("bird's").

    Punctuation, hyphens and underscores separate words. Typographic apostrophes count as plain ones, and composed
    letters as decomposed ones, so that a word is written in one way.
    """
    text = unicodedata.normalize("NFC", caption).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return _WORD.findall(text)


def build(captions: Iterable[str], min_count: int = 2, max_size: int | None = None) -> list[str]:
    """The words of captions by falling frequency, equally frequent ones in alphabetical order.

    Args:
        captions: of the training split.
        min_count: words that occur less often are left out; they count as unknown.
        max_size: keep this many at most; None keeps all.

    Raises:
        InlayError: a number is below 1, or no word is left.
    """
    for name, number in (("min_count", min_count), ("max_size", max_size)):
        if number is not None and number < 1:
            raise InlayError(f"text.vocabulary.{name} must be at least 1, got {number}.")
    counts = Counter(word for caption in captions for word in words_of(caption))
    kept = [word for word, count in counts.items() if count >= min_count]
    if not kept:
        raise InlayError(
            f"text.vocabulary: of the captions' {len(counts):,} words, none occurs {min_count} times or more. "
            "Lower text.vocabulary.min_count, or check that the dataset has captions."
        )
    return sorted(kept, key=lambda word: (-counts[word], word))[:max_size]


def read(path: str | os.PathLike[str]) -> list[str]:
    """The words that :func:`write` wrote, in their order.

    Raises:
        InlayError: the file is missing, damaged or of another kind, or has no words or a word twice.
    """
    name = f"text.vocabulary={os.fspath(path)}"
    try:
        content = json.loads(read_text(path))
    except BadFile as error:
        reason = error.reason if error.reason == "no such file" else f"cannot be read ({error.reason})"
        remedy = "Give the vocabulary of an earlier run, or min_count and max_size to build one."
        raise InlayError(f"{name}: {reason}. {remedy}") from None
    except (ValueError, RecursionError) as error:  # no JSON
        raise InlayError(f"{name}: cannot be read ({error}). Give the vocabulary of an earlier run.") from error
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (_FORMAT, _VERSION):
        raise InlayError(
            f'{name}: not a vocabulary. Expected {{"format": "{_FORMAT}", "version": {_VERSION}, "words": [...]}}, '
            f"got {str(content)[:80]}."
        )
    return checked(content.get("words"), name)


def write(path: str | os.PathLike[str], words: Sequence[str]) -> None:
    """Write words to a JSON file, for :func:`read`. Raises :class:`InlayError` where :func:`checked` does."""
    content = {"format": _FORMAT, "version": _VERSION, "words": checked(words, "text.vocabulary")}
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def checked(words: object, name: str) -> list[str]:
    """Words, if they are what a vocabulary can hold.

    Raises:
        InlayError: ``words``, which the message calls by a ``name``, is no list of words, is empty, or has one twice.
    """
    if not isinstance(words, Sequence) or isinstance(words, str) or not all(isinstance(w, str) and w for w in words):
        raise InlayError(
            f"{name} must be a list of words, got {str(words)[:80]}. "
            "inlay.text.vocabulary.build makes one of captions, inlay.text.vocabulary.read takes it from a file."
        )
    if odd := [word for word in words if words_of(word) != [word]]:  # no caption has it: it stands for something else
        raise InlayError(f"{name}: {odd[0][:80]!r} is not a word as captions are cut into. Drop it.")
    if not words:
        raise InlayError(f"{name} must have at least one word, got none.")
    if twice := [word for word, count in Counter(words).items() if count > 1]:
        raise InlayError(
            f"{name}: {len(twice):,} words are there more than once, {twice[0]!r} for instance. Drop them."
        )
    return list(words)
