import json

import pytest

from inlay.errors import InlayError
from inlay.text import vocabulary
from inlay.text.vocabulary import checked, words_of


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A small Red bird.", ["a", "small", "red", "bird"]),
        ("the bird's wings, the birds' wings", ["the", "bird's", "wings", "the", "birds", "wings"]),
        ("the bird\N{RIGHT SINGLE QUOTATION MARK}s", ["the", "bird's"]),
        ("'quoted' rock'n'roll", ["quoted", "rock'n'roll"]),
        ("red-breasted, 3.5 cm, grey_white", ["red", "breasted", "3", "5", "cm", "grey", "white"]),
        ("VÖGEL im Schnee", ["vögel", "im", "schnee"]),
        ("Vo\N{COMBINING DIAERESIS}gel", ["vögel"]),
        ("ПТИЦА 鳥", ["птица", "鳥"]),
        (" ... !? \n", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits(caption, words):
    assert words_of(caption) == words


def test_frequent_words_come_first_and_ties_in_alphabetical_order():
    captions = ["c b a", "b c", "d d d", "rare", "a"]
    assert vocabulary.build(captions) == vocabulary.build(reversed(captions)) == ["d", "a", "b", "c"]
    assert vocabulary.build(captions, min_count=1)[-1] == "rare"
    assert vocabulary.build(captions, min_count=3) == ["d"]
    assert vocabulary.build(captions, max_size=2) == ["d", "a"]


@pytest.mark.parametrize("captions", [[], ["", "!"], ["each word once"]], ids=["none", "empty", "rare"])
def test_no_word_left_is_said(captions):
    with pytest.raises(InlayError, match=r"none occurs 2 times.*Lower text\.vocabulary\.min_count"):
        vocabulary.build(captions)


@pytest.mark.parametrize("argument", ["min_count", "max_size"])
def test_numbers_below_one_are_refused(argument):
    with pytest.raises(InlayError, match=rf"text\.vocabulary\.{argument} must be at least 1, got 0"):
        vocabulary.build(["a a"], **{argument: 0})


def test_words_come_back_from_a_file_in_their_order_and_nothing_is_written_that_could_not_be_read(tmp_path):
    with pytest.raises(InlayError, match="more than once"):
        vocabulary.write(tmp_path / "words.json", ["a", "a"])
    assert list(tmp_path.iterdir()) == []
    words = ["bird", "a", "vögel", "bird's", "鳥"]
    vocabulary.write(tmp_path / "words.json", words)
    assert vocabulary.read(tmp_path / "words.json") == words
    assert json.loads((tmp_path / "words.json").read_text(encoding="utf-8")) == json.loads(content(words))


def content(words=("a", "b"), kind="inlay-vocabulary", version=1):
    return json.dumps({"format": kind, "version": version, "words": words}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read"),
        (content()[:20], "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[1]", "not a vocabulary.*got \\[1\\]"),
        (content(kind="other"), "not a vocabulary.*other"),
        (content(version=2), "not a vocabulary"),
        (content(words="ab"), "must be a list of words, got ab"),
        (content(words=None), "must be a list of words, got None"),
        (content(words=["a", 1]), "must be a list of words"),
        (content(words=["a", ""]), "must be a list of words"),
        (content(words=[]), "at least one word"),
        (content(words=["a", "b", "b"]), "1 words are there more than once, 'b'"),
    ],
)
def test_file_of_something_else_is_an_error_that_names_it(tmp_path, data, message):
    (tmp_path / "words.json").write_bytes(data)
    with pytest.raises(InlayError, match=rf"text\.vocabulary=.*words\.json.*{message}"):
        vocabulary.read(tmp_path / "words.json")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InlayError, match=r"text\.vocabulary=.*nowhere\.json: no such file.*min_count"):
        vocabulary.read(tmp_path / "nowhere.json")
    with pytest.raises(InlayError, match="cannot be read"):
        vocabulary.read(tmp_path)  # a folder


@pytest.mark.parametrize("word", ["${oc.env:HOME}", "???", "two words", "Upper", "dot."])
def test_what_no_caption_has_is_no_word(word):
    with pytest.raises(InlayError, match="is not a word as captions are cut into"):
        checked(["fine", word], "text.vocabulary")
