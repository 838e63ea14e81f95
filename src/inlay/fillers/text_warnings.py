"""What a user should know of how a tokenizer will read a text."""

from itertools import accumulate

from inlay.text import Tokenizer
from inlay.text.recurrent import WordTokenizer
from inlay.text.transformer import SubwordTokenizer
from inlay.text.vocabulary import words_of


def text_warnings(tokenizer: Tokenizer, text: str) -> list[str]:
    """No words, a text that is cut off, words that are not known: a sentence each."""
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
    return [word for word, count in zip(words, counts, strict=True) if count <= tokenizer.max_length]


def _longer(text: str, seen: list[str], tokenizer: Tokenizer) -> bool:
    """Whether a text goes on where its pieces that are seen end."""
    if isinstance(tokenizer, WordTokenizer):
        return len(words_of(text)) > len(seen)
    # Subwords do not say how many there were; yet of what is cut off, the end can be left out and nothing changes.
    full = isinstance(tokenizer, SubwordTokenizer) and len(seen) == tokenizer.max_length
    return full and tokenizer.pieces(text[:-1]) == seen
