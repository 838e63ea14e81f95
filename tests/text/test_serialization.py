"""Tokenizers as plain data; what files of ONNX refuse is tested in tests/fillers."""

import json

import pytest

from inlay.errors import InlayError
from inlay.text.recurrent import WordTokenizer
from inlay.text.serialization import tokenizer_from_dict, tokenizer_to_dict

CAPTION = "Kiwi red kiwi bird red bird"


@pytest.mark.parametrize(("drop", "ids"), [(True, [3, 2, 3]), (False, [1, 3, 1])])
def test_words_are_read_as_before(drop, ids):
    kept = json.loads(json.dumps(tokenizer_to_dict(WordTokenizer(["bird", "red"], max_length=3, drop_unknown=drop))))
    assert tokenizer_from_dict(kept)([CAPTION])["input_ids"].tolist() == [ids]


def test_files_from_before_unknown_words_could_be_dropped_read_them():
    kept = {"vocabulary": ["bird", "red"], "max_length": 3, "pad_to_multiple_of": 4}
    tokens = tokenizer_from_dict(kept)([CAPTION])
    assert tokens["input_ids"].tolist() == [[1, 3, 1]]
    assert tokens["words"].all()


@pytest.mark.parametrize("drop", ["false", None, 1])
def test_what_is_neither_true_nor_false_is_damaged(drop):
    kept = tokenizer_to_dict(WordTokenizer(["bird"], max_length=3)) | {"drop_unknown": drop}
    with pytest.raises(InlayError, match=r"its tokenizer is damaged \(TypeError\)"):
        tokenizer_from_dict(kept)
