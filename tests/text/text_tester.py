"""What every text encoder has to do. A concrete one's test says how it is made, and gets all of it."""

import pickle
from functools import partial
from itertools import product

import pytest
import torch
from torch._subclasses import FakeTensorMode

DIM = 6
MAX_WORDS = 10
LONG = "a small bird with red and black wings and a red bird with a black bird"
CAPTIONS = ["A small red bird.", "a bird", "Bird with red wings and black bird"]
ODD = {
    "empty": "",
    "blank": " \n",
    "punctuation": "!",
    "one word": "bird",
    "unknown": "zyzzyva",
    "foreign": "鳥 Vögel 🐦",
    "special": "[SEP] <|endoftext|> [PAD]",
    "long": LONG,
}


class TextEncoderTester:
    """Subclass as ``TestName`` with a ``kind`` and what it is ``given``: words, or the name of a fixture's folder."""

    untrained = ()
    """How the names of the parameters begin that get no gradient."""

    unsaved = ()
    """How those begin that no checkpoint holds."""

    @pytest.fixture
    def make(self, request):
        """Takes ``dim``, ``max_length`` and more, gives the encoder."""
        return partial(
            self.kind, str(request.getfixturevalue(self.given)) if isinstance(self.given, str) else self.given
        )

    @pytest.fixture
    def encoder(self, make):
        return make(dim=DIM, max_length=MAX_WORDS)

    def test_tokens_are_padded_to_the_longest_caption_and_in_a_worker_the_same(self, encoder):
        tokens = encoder.tokenizer(CAPTIONS)
        assert [(t.dtype, t.device.type) for t in tokens.values()] == [(torch.int64, "cpu")] + 2 * [(torch.bool, "cpu")]
        assert len({t.shape for t in tokens.values()}) == 1
        assert tokens["input_ids"].shape[0] == 3
        assert tokens["attention_mask"].any(0).all()  # no column of padding alone
        assert not (tokens["words"] & ~tokens["attention_mask"]).any()
        alone = [encoder.tokenizer([caption]) for caption in CAPTIONS]
        assert [one["input_ids"].shape[1] for one in alone] == tokens["attention_mask"].sum(1).tolist()
        for key, row in product(tokens, range(3)):
            length = alone[row]["input_ids"].shape[1]
            assert torch.equal(tokens[key][row, :length], alone[row][key][0])
        captions = [*CAPTIONS, *ODD.values()]
        here, there = encoder.tokenizer(captions), pickle.loads(pickle.dumps(encoder.tokenizer))(captions)
        assert all(torch.equal(here[key], there[key]) for key in here)

    def test_no_caption_has_no_word_an_unknown_word_is_one_and_long_captions_are_cut(self, encoder):
        tokens = encoder.tokenizer(["", " \n"])
        assert tokens["input_ids"].shape[1] >= 1
        assert not tokens["words"].any()
        assert all(t.shape == (0, 1) for t in encoder.tokenizer([]).values())
        assert encoder.tokenizer(["zyzzyva"])["words"].any()
        tokens = encoder.tokenizer(["bird", LONG])
        assert tokens["input_ids"].shape[1] == MAX_WORDS
        assert tokens["attention_mask"][1].all()

    def test_lengths_are_rounded_up(self, make):
        plain, rounded = (make(dim=DIM, max_length=MAX_WORDS, pad_to_multiple_of=m).tokenizer for m in (1, 4))
        for caption in ("", *CAPTIONS, LONG):
            length = plain([caption])["input_ids"].shape[1]
            assert rounded([caption])["input_ids"].shape[1] == min((length + 3) // 4 * 4, MAX_WORDS)
            assert torch.equal(rounded([caption])["words"][:, :length], plain([caption])["words"])
            assert not rounded([caption])["attention_mask"][:, length:].any()

    def test_shapes_are_the_documented_ones(self, encoder):
        tokens = encoder.tokenizer(CAPTIONS)
        words, sentence, mask = encoder(tokens)
        assert (words.shape, sentence.shape) == ((3, tokens["input_ids"].shape[1], DIM), (3, DIM))
        assert torch.equal(mask, tokens["words"])
        assert words.dtype == sentence.dtype == torch.float32
        assert (~mask).any()
        assert torch.equal(words.abs().sum(2) > 0, mask)  # what is no word is zero

    def test_caption_is_the_same_in_any_batch(self, make):
        encoder = make(dim=DIM, max_length=MAX_WORDS).eval()
        captions = [*CAPTIONS, "", LONG]
        together = encoder(encoder.tokenizer(captions))
        for row, caption in enumerate(captions):
            alone = encoder(encoder.tokenizer([caption]))
            length = alone.words.shape[1]
            torch.testing.assert_close(together.words[row, :length], alone.words[0], rtol=0, atol=1e-6)
            torch.testing.assert_close(together.sentence[row], alone.sentence[0], rtol=0, atol=1e-6)
            assert torch.equal(together.word_mask[row, :length], alone.word_mask[0])
            assert not together.word_mask[row, length:].any()

    def test_captions_differ(self, encoder):
        words, sentence, mask = encoder.eval()(encoder.tokenizer(["a red bird", "a bird red"]))
        assert not torch.allclose(words[0][mask[0]], words[1][mask[1]], atol=1e-4)
        assert not torch.allclose(sentence[0], sentence[1], atol=1e-5)

    def test_no_caption_is_the_null_caption_which_others_do_not_know(self, encoder):
        before = encoder.eval()(encoder.tokenizer(CAPTIONS))
        with torch.no_grad():
            encoder.null_word.add_(1)
            encoder.null_sentence.add_(1)
        torch.testing.assert_close(encoder(encoder.tokenizer(CAPTIONS)), before, rtol=0, atol=0)
        encoder.train()
        for captions in ([""], [" \n"], ["", LONG], [" \n", LONG]):
            words, sentence, mask = encoder(encoder.tokenizer(captions))
            assert mask[0].tolist() == [True] + [False] * (mask.shape[1] - 1)
            assert torch.equal(words[0, 0], encoder.null_word)
            assert torch.equal(sentence[0], encoder.null_sentence)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    @pytest.mark.parametrize("odd", ODD)
    def test_is_finite_whatever_is_said(self, make, odd, dtype):
        encoder = make(dim=DIM, max_length=MAX_WORDS)
        for captions in ([ODD[odd]], [*CAPTIONS, ODD[odd]]):
            encoder.zero_grad()
            with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
                words, sentence, mask = encoder(encoder.tokenizer(captions))
            assert all(features.isfinite().all() for features in (words, sentence))
            assert mask.any(1).all()
            (words.square().sum() + sentence.square().sum()).backward()
            assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)

    def gradients(self, encoder, captions):
        words, sentence, _ = encoder.train()(encoder.tokenizer(captions))
        weights = torch.arange(1.0, DIM + 1)  # a layer norm's plain sum does not move
        ((words.square() * weights).sum() + (sentence.square() * weights).sum()).backward()
        return {name: p.grad for name, p in encoder.named_parameters() if not name.startswith(self.untrained)}

    def test_every_trained_parameter_and_nothing_frozen_gets_a_gradient(self, encoder):
        found = self.gradients(encoder, [*CAPTIONS, ""])
        attention = "k_proj.bias", "key.bias", "k_lin.bias"  # the softmax does not see them
        flat = [name for name, grad in found.items() if grad is None or not grad.abs().sum() > 0]
        assert [name for name in flat if not name.endswith(attention)] == []
        assert {"null_word", "null_sentence"} <= found.keys()
        frozen = [p for name, p in encoder.named_parameters() if name.startswith(self.untrained)]
        assert bool(frozen) == bool(self.untrained)
        assert not any(p.requires_grad or p.grad is not None for p in frozen)
        for captions in (CAPTIONS, ["", ""]):  # every trained one takes part in every step
            encoder.zero_grad()
            assert [name for name, grad in self.gradients(encoder, captions).items() if grad is None] == []

    def test_training_mode_reaches_what_is_trained_alone(self, encoder):
        encoder.eval().train()
        modes = {name: module.training for name, module in encoder.named_modules() if name}
        assert not any(mode for name, mode in modes.items() if f"{name}.".startswith(self.untrained))
        assert self.untrained or all(modes.values())

    def test_checkpoint_holds_what_was_learned(self, make):
        encoder, other = (make(dim=DIM, max_length=MAX_WORDS).eval() for _ in range(2))
        dropped = {name for name, _ in encoder.named_parameters() if name.startswith(self.unsaved)}
        assert bool(dropped) == bool(self.unsaved)
        assert set(encoder.state_dict()) == {name for name, _ in encoder.named_parameters()} - dropped
        with torch.no_grad():
            for name, parameter in other.named_parameters():
                parameter.copy_(encoder.get_parameter(name) if name in dropped else parameter + 1)
        other.load_state_dict(encoder.state_dict())
        tokens = encoder.tokenizer([*CAPTIONS, ""])
        torch.testing.assert_close(other(tokens), encoder(tokens), rtol=0, atol=0)

    def test_asks_nothing_of_the_values(self, encoder):
        """Tensors without values refuse every question that a GPU would have to stop for."""
        tokens = encoder.tokenizer([*CAPTIONS, ""])
        shapes = [t.shape for t in encoder(tokens)]
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            answer = encoder({key: mode.from_tensor(value) for key, value in tokens.items()})
        assert [t.shape for t in answer] == shapes
