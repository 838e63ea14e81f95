import json
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from inlay.errors import InlayError
from inlay.text import GRUEncoder, LSTMEncoder, recurrent
from inlay.text.recurrent import WordTokenizer
from inlay.text.serialization import tokenizer_from_dict, tokenizer_to_dict
from tests.text.conftest import WORDS
from tests.text.text_tester import CAPTIONS, DIM, TextEncoderTester


class TestGRU(TextEncoderTester):
    kind, given = GRUEncoder, WORDS


class TestLSTM(TextEncoderTester):
    kind, given = LSTMEncoder, WORDS


class TestFrozenLSTM(TextEncoderTester):
    kind, given = partial(LSTMEncoder, frozen=True), WORDS
    untrained = ("embedding.", "dropout.", "ahead.", "back.")


@pytest.mark.parametrize(("kind", "whole"), [(GRUEncoder, nn.GRU), (LSTMEncoder, nn.LSTM)], ids=["gru", "lstm"])
def test_features_are_those_of_torchs_packed_bidirectional_network(kind, whole):
    encoder = kind(WORDS, dim=DIM, embedding=5).eval()
    reference = whole(5, DIM // 2, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, parameter in encoder.ahead.named_parameters():
            reference.get_parameter(name).copy_(parameter)
            reference.get_parameter(f"{name}_reverse").copy_(encoder.back.get_parameter(name))
    tokens = encoder.tokenizer(CAPTIONS)
    packed = pack_padded_sequence(
        encoder.embedding(tokens["input_ids"]), tokens["words"].sum(1), batch_first=True, enforce_sorted=False
    )
    read, state = reference(packed)
    words, _ = nn.utils.rnn.pad_packed_sequence(read, batch_first=True)
    last = state if whole is nn.GRU else state[0]  # (2, B, D/2)
    found = encoder(tokens)
    torch.testing.assert_close(found.words, words, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.sentence, torch.cat([last[0], last[1]], dim=1), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("kind", "recurrent"), [(GRUEncoder, 330_240), (LSTMEncoder, 440_320)], ids=["gru", "lstm"])
@pytest.mark.parametrize("rows", [5_450, 27_297])
def test_parameters_are_as_many_as_published(kind, recurrent, rows):
    with torch.device("meta"):
        encoder = kind([str(number) for number in range(rows - 2)])  # padding and unknown have rows, too
    assert sum(p.numel() for p in encoder.parameters()) == recurrent + rows * 300 + 2 * 256


def test_ids_are_padding_unknown_and_the_words_in_order_and_the_first_ones_of_long_captions():
    tokens = GRUEncoder(["bird", "red"]).tokenizer(["Red, RED bird!", "green bird", ""])
    assert tokens["input_ids"].tolist() == [[3, 3, 2], [1, 2, 0], [0, 0, 0]]
    assert tokens["words"].tolist() == [[True] * 3, [True, True, False], [False] * 3]
    assert torch.equal(tokens["attention_mask"], tokens["words"])
    assert GRUEncoder(WORDS).tokenizer(["a " * 200])["input_ids"].shape == (1, 64)
    assert GRUEncoder(["bird", "red"], max_length=2).tokenizer(["red bird red"])["input_ids"].tolist() == [[3, 2]]


class TestUnknownWordsThatAreDropped:
    """Captions are what they are without them."""

    CAPTIONS = ("A tiny red kiwi, with red zyzzyva wings", "zyzzyva", "bird kiwi", "")
    WITHOUT = ("a red with red wings", "", "bird", "")  # tiny, kiwi and zyzzyva are not among the words

    @pytest.mark.parametrize("kind", [GRUEncoder, LSTMEncoder], ids=["gru", "lstm"])
    def test_features_are_those_of_what_is_left_and_without_anything_the_null_caption(self, kind):
        dropping, keeping = (kind(WORDS, dim=DIM, embedding=5, drop_unknown=drop).eval() for drop in (True, False))
        keeping.load_state_dict(dropping.state_dict())
        found = dropping(dropping.tokenizer(self.CAPTIONS))
        expected = keeping(keeping.tokenizer(self.WITHOUT))
        assert all(torch.equal(*both) for both in zip(found, expected, strict=True))
        assert not torch.equal(found.sentence[0], keeping(keeping.tokenizer(self.CAPTIONS)).sentence[0])
        for captions in (["zyzzyva kiwi"], ["kiwi", "a bird"]):
            words, sentence, mask = dropping(dropping.tokenizer(captions))
            assert mask[0].tolist() == [True] + [False] * (mask.shape[1] - 1)
            assert torch.equal(words[0, 0], dropping.null_word)
            assert torch.equal(sentence[0], dropping.null_sentence)
        assert not torch.equal(keeping(keeping.tokenizer(["kiwi"])).sentence[0], keeping.null_sentence)

    def test_they_take_no_place_in_a_long_caption(self):
        tokenizer = GRUEncoder(["bird", "red"], max_length=2, drop_unknown=True).tokenizer
        assert tokenizer(["kiwi red kiwi bird red"])["input_ids"].tolist() == [[3, 2]]
        assert tokenizer.pieces("kiwi Red, kiwi bird red") == ["red", "bird"]


def test_dropout_acts_in_training_alone_and_hides_channels_from_both_directions_alike():
    encoder = GRUEncoder(WORDS, dim=DIM)
    tokens = encoder.tokenizer(CAPTIONS)
    for mode in (True, False):
        encoder.train(mode)
        assert torch.equal(encoder(tokens).sentence, encoder(tokens).sentence) != mode
    encoder = GRUEncoder(WORDS, dim=DIM, dropout=0.9)
    with torch.no_grad():
        for name, parameter in encoder.ahead.named_parameters():
            encoder.back.get_parameter(name).copy_(parameter)
    words, sentence, _ = encoder(encoder.tokenizer(["bird"]))
    torch.testing.assert_close(words[0, 0, : DIM // 2], words[0, 0, DIM // 2 :])
    torch.testing.assert_close(sentence[0], words[0, 0])


def test_positions_lie_within_the_batch(monkeypatch):
    """A CPU counts negative ones from the end; a GPU may stop at them."""
    asked, gather = [], recurrent.gather_time
    monkeypatch.setattr(recurrent, "gather_time", lambda x, places: (asked.append(places), gather(x, places))[1])
    encoder = GRUEncoder(WORDS, dim=DIM)
    encoder(encoder.tokenizer(["", "bird", "a red bird"]))
    assert len(asked) == 3
    assert all(((positions >= 0) & (positions < 3)).all() for positions in asked)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 0}, r"text\.dim must be at least 1.*got 0"),
        ({"dim": 7}, r"text\.dim must be even.*got 7"),
        ({"embedding": 0}, r"text\.embedding must be at least 1.*got 0"),
        ({"max_length": 0}, r"text\.max_length must be at least 1 and at most 10,000, got 0"),
        ({"dropout": 1.0}, r"text\.dropout must be at least 0 and below 1, got 1\.0"),
        ({"pad_to_multiple_of": 0}, r"text\.pad_to_multiple_of must be at least 1.*got 0"),
        ({"vocabulary": []}, r"text\.vocabulary must have at least one word"),
        ({"vocabulary": "words.json"}, r"text\.vocabulary must be a list of words, got words\.json"),
        ({"vocabulary": {"min_count": 2}}, r"text\.vocabulary must be a list of words, got .*min_count"),
        ({"vocabulary": ["a", "b", "a"]}, r"text\.vocabulary: 1 words are there more than once, 'a'"),
    ],
)
def test_refuses_what_cannot_be(arguments, message):
    with pytest.raises(InlayError, match=message):
        GRUEncoder(**{"vocabulary": WORDS} | arguments)


# Tokenizers as plain data; what files of ONNX refuse is tested in tests/fillers.


@pytest.mark.parametrize(("drop", "ids"), [(True, [3, 2, 3]), (False, [1, 3, 1]), (None, [1, 3, 1])])
def test_words_are_read_as_before(drop, ids):
    kept = json.loads(json.dumps(tokenizer_to_dict(WordTokenizer(["bird", "red"], max_length=3, drop_unknown=drop))))
    if drop is None:  # a file from before unknown words could be dropped
        kept = {"vocabulary": ["bird", "red"], "max_length": 3, "pad_to_multiple_of": 4}
    assert tokenizer_from_dict(kept)(["Kiwi red kiwi bird red bird"])["input_ids"].tolist() == [ids]


@pytest.mark.parametrize("drop", ["false", None, 1])
def test_what_is_neither_true_nor_false_is_damaged(drop):
    kept = tokenizer_to_dict(WordTokenizer(["bird"], max_length=3)) | {"drop_unknown": drop}
    with pytest.raises(InlayError, match=r"its tokenizer is damaged \(TypeError\)"):
        tokenizer_from_dict(kept)
