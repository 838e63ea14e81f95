"""A tiny text-guided network in a checkpoint as a run stores it, and the filler that comes out of it."""

import logging
import socket
from copy import deepcopy
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from inlay.checkpoints import AVERAGE, META_KEY
from inlay.checkpoints.provenance import provenance
from inlay.errors import InlayError
from inlay.fillers import CheckpointFiller, NetworkFiller, load_filler
from inlay.models import ResidualDiscriminator, TDANet
from inlay.ops import composite
from inlay.text import GRUEncoder
from inlay.text.recurrent import WordTokenizer
from inlay.text.transformer import SubwordTokenizer
from tests.export.examples import PCONV, SHAPE, WORDS, named, pconv

CONFIG = {"model": {"_target_": "inlay.models.TDANet", **SHAPE}, "text": {"_target_": "inlay.text.GRUEncoder", **WORDS}}
TEXTS = ["a red bird", "blue"]
FOREIGN = "os.mkdir inlay.text.vocabulary.os.mkdir inlay.models.TDANet inlay.text.vocabulary.write"
CUT = "it is too long: the model reads 6 words or parts of words, the rest is cut off."


@cache
def random_weights(seed=0):
    torch.manual_seed(seed)
    return named(net=TDANet(**SHAPE), text=GRUEncoder(**WORDS))


def write_checkpoint(path, config=CONFIG, weights=None, **more):
    weights = random_weights() if weights is None else weights
    torch.save({"state_dict": weights, META_KEY: provenance(config), **more}, path)
    return path


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_filler(write_checkpoint(tmp_path_factory.mktemp("model") / "last.ckpt"))


@pytest.fixture
def filler(loaded):
    return deepcopy(loaded)


@pytest.fixture
def image():
    return torch.rand(2, 3, 37, 50)


@pytest.fixture
def mask():
    mask = torch.zeros(2, 1, 37, 50)
    mask[0, :, 5:20, 10:40] = 1
    mask[1, :, 20:37, 0:25] = 1
    return mask


def filled_differently(one, other, mask):
    gaps = (one - other).abs() * mask
    return bool((gaps.amax(dim=(1, 2, 3)) > 1e-3).all())


class TestFill:
    @pytest.mark.parametrize("seed", [None, 3])
    @pytest.mark.parametrize("text", [None, TEXTS])
    def test_known_pixels_are_exact_and_the_rest_is_a_picture_and_what_was_there_is_not_used(
        self, filler, image, mask, text, seed
    ):
        before, known = (image.clone(), mask.clone()), ~mask.bool().expand_as(image)
        filled = filler.fill(image, mask, text=text, seed=seed)
        assert (filled.shape, filled.dtype) == (image.shape, torch.float32)
        assert torch.equal(filled[known], image[known])
        assert 0 <= filled.min() <= filled.max() <= 1
        last = filler.fill(image.to(memory_format=torch.channels_last), mask, text=text, seed=seed)
        torch.testing.assert_close(last, filled, rtol=1e-4, atol=1e-5)
        assert all(map(torch.equal, before, (image, mask)))
        for under in (0.0, 1.0, float("nan")):
            assert torch.equal(filler.fill(image.masked_fill(mask > 0, under), mask, text=text, seed=seed), filled)

    def test_any_size_will_do(self, filler):
        for size in ((1, 1), (7, 90), (64, 64)):
            image, mask = torch.zeros(1, 3, *size), torch.ones(1, 1, *size)
            assert filler.fill(image, mask, text=["bird"], seed=1).shape == image.shape

    def test_is_the_mean_of_the_latent_that_the_network_paints(self, filler, image, mask):
        with torch.no_grad():
            read = filler.text(filler.text.tokenizer(TEXTS))
            raw = filler.net.inpaint(image, mask, text=read)
        assert torch.equal(filler.fill(image, mask, text=TEXTS), composite(raw, image, mask))

    def test_text_tells_the_hole_what_to_become_and_no_text_is_the_caption_learned_for_it(self, filler, image, mask):
        red, without = filler.fill(image, mask, text=["a red bird"] * 2), filler.fill(image, mask)
        assert filled_differently(red, filler.fill(image, mask, text=["a blue bird"] * 2), mask)
        assert filled_differently(red, without, mask)
        assert torch.equal(without, filler.fill(image, mask, text=["", " !"]))
        with torch.no_grad():
            filler.text.null_sentence += 1
        assert filled_differently(without, filler.fill(image, mask), mask)

    def test_equal_seeds_draw_equally_and_others_do_not(self, filler, image, mask):
        before = torch.random.get_rng_state()
        drawn = filler.fill(image, mask, text=TEXTS, seed=3)
        assert torch.equal(torch.random.get_rng_state(), before)
        torch.manual_seed(1234)
        assert torch.equal(drawn, filler.fill(image, mask, text=TEXTS, seed=3))
        assert filled_differently(drawn, filler.fill(image, mask, text=TEXTS, seed=4), mask)
        assert filled_differently(drawn, filler.fill(image, mask, text=TEXTS), mask)
        image, mask = image[:1].expand(2, -1, -1, -1), mask[:1].expand(2, -1, -1, -1)
        assert filled_differently(*filler.fill(image, mask, seed=3).split(1), mask[:1])  # each picture has its own

    @pytest.mark.parametrize(("seed", "alone"), [(None, [None, None]), (3, [3]), ([3, 4], [3, 4])])
    def test_batch_equals_its_pictures_and_a_draw_does_not_depend_on_those_behind_it(
        self, filler, image, mask, seed, alone
    ):
        batch = filler.fill(image, mask, text=TEXTS, seed=seed)[: len(alone)]
        given = zip(image.split(1), mask.split(1), TEXTS, alone, strict=False)
        singles = [filler.fill(picture, hole, text=[text], seed=own) for picture, hole, text, own in given]
        torch.testing.assert_close(batch, torch.cat(singles), rtol=1e-4, atol=1e-5)


class TestLoading:
    def test_keeps_nothing_that_only_training_needs_and_goes_where_it_is_told(self, tmp_path):
        filler = load_filler(write_checkpoint(tmp_path / "last.ckpt"), "meta")
        assert isinstance(filler, CheckpointFiller)
        assert (filler.takes_text, filler.takes_seed) == (True, True)
        assert filler.net.posterior is None
        assert not filler.net.training | filler.text.training
        assert filler.device.type == "meta"
        assert {p.device.type for part in (filler.net, filler.text) for p in part.parameters()} == {"meta"}

    @pytest.mark.parametrize("part", ["net", "text", ""])
    def test_prefers_averaged_weights_of_each_part_by_itself(self, tmp_path, part):
        average = {key: value for key, value in random_weights(1).items() if key.startswith(part)}
        held = load_filler(write_checkpoint(tmp_path / "last.ckpt", **{AVERAGE: average}))
        expected = random_weights(0) | average
        assert all(torch.equal(value, expected[key]) for key, value in named(net=held.net, text=held.text).items())

    def test_a_file_sends_nobody_to_the_hub(self, tmp_path, monkeypatch):
        monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("reached for the network"))
        text = {"_target_": "inlay.text.CLIPEncoder", "model": "someone/anything"}
        path = write_checkpoint(tmp_path / "last.ckpt", CONFIG | {"text": text})
        with pytest.raises(InlayError, match="could not be loaded"):
            load_filler(path)

    @pytest.mark.parametrize("nested", [False, True])
    @pytest.mark.parametrize("target", [*FOREIGN.split(), "", None])
    def test_refuses_foreign_text_encoders_and_runs_nothing(self, tmp_path, target, nested):
        foreign = {"_target_": target, "path": str(tmp_path / "ran")}
        text = CONFIG["text"] | {"vocabulary": foreign} if nested else foreign
        path = write_checkpoint(tmp_path / "last.ckpt", CONFIG | {"text": text})
        with pytest.raises(InlayError, match="not to be trusted"):
            load_filler(path)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("text", [None, CONFIG["text"]], ids=["without text", "with text that was of no use"])
    def test_network_that_takes_no_text_is_a_plain_filler(self, tmp_path, text, image, mask):
        config = {"model": {"_target_": "inlay.models.PConvUNet", **PCONV}, "text": text}
        filler = load_filler(write_checkpoint(tmp_path / "last.ckpt", config, named(net=(net := pconv()))))
        assert isinstance(filler, NetworkFiller)
        assert (filler.takes_text, filler.takes_seed, filler.text_warnings("!")) == (False, False, [])
        assert torch.equal(filler.fill(image, mask), NetworkFiller(net).fill(image, mask))

    def test_network_that_fills_nothing_or_lacks_the_encoder_it_needs_is_refused(self, tmp_path):
        shape = {"channels": [4, 4], "attention": 1}
        other = {"model": {"_target_": "inlay.models.ResidualDiscriminator", **shape}}
        lacking, odd = "does not say which text encoder it holds", named(net=ResidualDiscriminator(**shape))
        for config, weights, says in (
            (other, odd, "ResidualDiscriminator, which fills no holes"),
            (CONFIG | {"text": None}, None, lacking),
            ({"model": CONFIG["model"]}, None, lacking),
        ):
            with pytest.raises(InlayError, match=says):
                load_filler(write_checkpoint(tmp_path / "last.ckpt", config, weights))


@pytest.fixture
def subwords():
    """Letters count: ``red`` is one piece, other words are as many as they have letters; 6 with both ends."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", *letters, *(f"##{letter}" for letter in letters)]
    backend = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return SubwordTokenizer(SimpleNamespace(pad_token_id=0, backend_tokenizer=backend), max_length=6)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        *(("known", text, []) for text in ("", "  ", "bird", "A bird with a red bird...", "Red, blue; red - blue!")),
        ("known", " ?! ", ["no words"]),
        ("known", "Turquoise bird, turquoise mohawk", ["tell them apart: turquoise, mohawk."]),
        ("known", "a red bird with a red bird", [CUT]),
        ("known", "a red bird with a red zebra", [CUT]),  # what is not read need not be known
        ("known", "a red zebra with a red bird", [CUT, "zebra"]),
        *(("dropped", text, []) for text in ("", "a red bird with a red")),
        ("dropped", "Turquoise bird, turquoise mohawk", ["out: turquoise, mohawk."]),
        ("dropped", "mohawk", ["out: mohawk."]),
        ("dropped", " ?! ", ["no words"]),
        ("dropped", "a red zebra with a red bird with zebra wings", [CUT, "out: zebra."]),
        ("dropped", "zebra a red bird with a red mohawk", ["out: zebra, mohawk."]),  # six words are read
        ("dropped", "a red bird with a red bird mohawk", [CUT]),
        *(("subwords", text, []) for text in ("", "red red red red", "red bi", "redb", "🐦🐦")),
        *(("subwords", text, [CUT]) for text in ("red red red red red", "a bird", "birds", "red red red red .")),
    ],
)
def test_what_of_a_text_is_not_read_is_said_when_asked_for(filler, subwords, kind, text, said):
    if kind != "known":
        dropping = WordTokenizer(WORDS["vocabulary"], WORDS["max_length"], drop_unknown=True)
        filler.tokenizer = subwords if kind == "subwords" else dropping
    assert [part in doubt for part, doubt in zip(said, filler.text_warnings(text), strict=True)] == [True] * len(said)


def test_filling_says_nothing_of_the_text(filler, image, mask, caplog):
    caplog.set_level(logging.DEBUG)
    filler.fill(image, mask, text=["turquoise"] * 2)
    assert caplog.records == []
