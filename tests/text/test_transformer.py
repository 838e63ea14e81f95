import json
import logging
import os
import pickle
import re
import shutil
import subprocess
import sys
from functools import partial

import pytest
import torch

from inlay.errors import InlayError
from inlay.text import BERTEncoder, CLIPEncoder
from tests.text.conftest import POSITIONS
from tests.text.text_tester import CAPTIONS, DIM, LONG, TextEncoderTester
from tests.text_image.stand_ins import change_config


class TestCLIP(TextEncoderTester):
    kind, given = CLIPEncoder, "clip_folder"
    untrained = unsaved = ("backbone.",)


class TestTrainedCLIP(TextEncoderTester):
    kind, given = partial(CLIPEncoder, pretrained=False, frozen=False), "clip_folder"


class TestBERT(TextEncoderTester):
    kind, given = BERTEncoder, "bert_folder"
    untrained = unsaved = ("backbone.",)


class TestTrainedDistilBERT(TextEncoderTester):
    kind, given = partial(BERTEncoder, pretrained=False, frozen=False), "distilbert_folder"


@pytest.fixture
def clip(clip_folder):
    return CLIPEncoder(str(clip_folder), dim=DIM).eval()


@pytest.fixture
def bert(bert_folder):
    return BERTEncoder(str(bert_folder), dim=DIM).eval()


def test_clip_is_transformers_clip(clip, clip_folder):
    """Words, and the end token's state, of the whole CLIP under its own masks."""
    from transformers import AutoTokenizer, CLIPModel

    captions = ["a small bird", "a bird", "red"]
    given = AutoTokenizer.from_pretrained(clip_folder)(captions, padding="longest", return_tensors="pt")
    expected = CLIPModel.from_pretrained(clip_folder).eval().text_model(**given)
    words, sentence, mask = clip(clip.tokenizer(captions))
    assert mask.sum(1).tolist() == (given["attention_mask"].sum(1) - 2).tolist()
    torch.testing.assert_close(words[mask], clip.to_words(expected.last_hidden_state)[mask], rtol=0, atol=1e-6)
    torch.testing.assert_close(sentence, clip.to_sentence(expected.pooler_output), rtol=0, atol=1e-6)


@pytest.mark.parametrize("folder", ["bert_folder", "distilbert_folder"])
def test_bert_is_transformers_bert(folder, request):
    from transformers import AutoModel, AutoTokenizer

    folder = str(request.getfixturevalue(folder))
    given = AutoTokenizer.from_pretrained(folder)(CAPTIONS, padding="longest", return_tensors="pt")
    states = AutoModel.from_pretrained(folder).eval()(**given).last_hidden_state
    encoder = BERTEncoder(folder, dim=DIM).eval()
    words, sentence, mask = encoder(encoder.tokenizer(CAPTIONS))
    assert mask.sum(1).tolist() == (given["attention_mask"].sum(1) - 2).tolist()
    torch.testing.assert_close(words[mask], encoder.to_words(states)[mask], rtol=0, atol=1e-6)
    mean = torch.stack([states[row, 1 : 1 + count].mean(0) for row, count in enumerate(mask.sum(1))])
    torch.testing.assert_close(sentence, encoder.to_sentence(mean), rtol=0, atol=1e-6)


def test_clips_end_token_is_read_although_it_pads(clip):
    tokens = clip.tokenizer(["red", "a red bird"])
    last = tokens["attention_mask"].sum(1) - 1
    assert len({*tokens["input_ids"][range(2), last].tolist(), tokens["input_ids"][0, -1].item()}) == 1
    assert not tokens["words"][range(2), last].any()
    assert tokens["words"][0].nonzero().tolist() == [[1]]


def test_masks_are_ready_made(clip, bert):
    """Given a mask of captions, transformers asks for its values; only traced tensors are spared the question."""
    for encoder in (clip, bert):
        seen = []
        encoder.backbone.net.register_forward_pre_hook(
            lambda _, args, given, seen=seen: seen.append(given["attention_mask"]), with_kwargs=True
        )
        tokens = encoder.tokenizer(CAPTIONS)
        encoder(tokens)
        length = tokens["input_ids"].shape[1]
        assert [(mask.dtype, mask.shape) for mask in seen] == [(torch.bool, (3, 1, length, length))]


def test_clip_words_know_what_stands_left_of_them_alone_and_berts_both_sides(clip, bert):
    words, _, mask = clip(clip.tokenizer(["red a b", "red a r"]))
    assert mask.sum(1).tolist() == [3, 3]
    torch.testing.assert_close(words[0, :3], words[1, :3], rtol=0, atol=1e-6)
    assert not torch.allclose(words[0, 3], words[1, 3], atol=1e-3)
    words, _, _ = bert(bert.tokenizer(["red a bird", "red a wings"]))
    assert not torch.allclose(words[0, 1], words[1, 1], atol=1e-4)


@pytest.mark.parametrize("sent", [False, True], ids=["here", "in a worker"])
def test_tokens_of_a_caption_stand_between_special_ones_which_in_a_caption_are_text(bert, sent):
    tokenizer = pickle.loads(pickle.dumps(bert.tokenizer)) if sent else bert.tokenizer
    tokens = tokenizer(["A zyzzyva.", "bird", ""])
    # [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, words from 5, "." after the eight words and "##s"
    assert tokens["input_ids"].tolist() == [[2, 5, 1, 14, 3], [2, 6, 3, 0, 0], [2, 3, 0, 0, 0]]
    assert tokens["words"].int().tolist() == [[0, 1, 1, 1, 0], [0, 1, 0, 0, 0], [0] * 5]
    assert tokens["attention_mask"].sum(1).tolist() == [5, 3, 2]
    ids = tokenizer(["red [SEP] [PAD] bird"])["input_ids"][0].tolist()
    assert (ids.count(3), ids.count(0)) == (1, 0)


def test_neither_import_nor_workers_need_transformers(clip, bert, tmp_path):
    (tmp_path / "tokenizers").write_bytes(pickle.dumps((clip.tokenizer, bert.tokenizer)))
    code = (
        "import pickle, sys, inlay.text\n"
        "assert 'tokenizers' not in sys.modules\n"
        "for tokenizer in pickle.load(open(sys.argv[1], 'rb')):\n"
        "    assert tokenizer(['a red bird'])['words'].any()\n"
        "assert 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "tokenizers")], check=True)


@pytest.mark.parametrize(("kind", "folder"), [(CLIPEncoder, "clip_folder"), (BERTEncoder, "bert_folder")])
def test_captions_are_no_longer_than_the_network_has_positions(kind, folder, request):
    encoder = kind(str(request.getfixturevalue(folder)), dim=DIM, max_length=500, pad_to_multiple_of=8)
    tokens = encoder.tokenizer([LONG])
    assert tokens["input_ids"].shape == (1, POSITIONS)
    assert encoder(tokens).sentence.isfinite().all()


CLIP = {"model_type": "clip", "text_config": {"model_type": "clip_text_model", "vocab_size": 49_408}}
LARGE = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
POOLER = 768 * 768 + 768  # counted by others, dropped by us


@pytest.mark.parametrize(
    ("kind", "folder", "config", "count"),
    [
        (CLIPEncoder, "clip_folder", CLIP, 63_165_952),
        (CLIPEncoder, "clip_folder", CLIP | {"text_config": CLIP["text_config"] | LARGE}, 123_060_480),
        (BERTEncoder, "bert_folder", {"model_type": "bert"}, 109_482_240 - POOLER),
        (BERTEncoder, "bert_folder", {"model_type": "distilbert"}, 66_362_880),
    ],
    ids=["clip-b32", "clip-l14", "bert-base", "distilbert"],
)
def test_parameters_are_as_many_as_published(kind, folder, config, count, tmp_path, request, monkeypatch):
    for file in request.getfixturevalue(folder).glob("tokenizer*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("transformers.tokenization_utils_tokenizers.TokenizersBackend.__len__", lambda _: 30_000)
    with torch.device("meta"):
        encoder = kind(str(tmp_path), pretrained=False)
    assert sum(p.numel() for p in encoder.backbone.parameters()) == count
    width = encoder.to_words[0].in_features
    trained = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    assert trained == 2 * (width * 256 + 256 + 2 * 256) + 2 * 256


@pytest.mark.parametrize("kind", [CLIPEncoder, BERTEncoder])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 0}, r"text\.dim must be at least 1.*got 0"),
        ({"max_length": 2}, r"text\.max_length must be at least 3 and at most 10,000, got 2"),
        ({"pad_to_multiple_of": 0}, r"text\.pad_to_multiple_of must be at least 1.*got 0"),
        ({"model": "/nowhere/at/all"}, r"text\.model=/nowhere/at/all: no such folder\. Put config\.json"),
    ],
)
def test_refuses_what_cannot_be(kind, arguments, message, clip_folder):
    with pytest.raises(InlayError, match=message):
        kind(**{"model": str(clip_folder)} | arguments)


def test_network_of_another_type_is_refused(clip_folder, bert_folder):
    with pytest.raises(InlayError, match=r"must be a network of type clip or clip_text_model, got bert.*text=bert"):
        CLIPEncoder(str(bert_folder))
    with pytest.raises(InlayError, match=r"must be a network of type bert or distilbert, got clip.*text=clip"):
        BERTEncoder(str(clip_folder))


@pytest.fixture
def copied(bert_folder, tmp_path):
    return shutil.copytree(bert_folder, tmp_path / "copy")


@pytest.mark.parametrize("how", ["missing", "empty", "cut off"])
@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("config.json", "its configuration could not be loaded"),
        ("tokenizer.json", "its tokenizer"),
        ("model.safetensors", "its weights could not be loaded"),
    ],
)
def test_spoiled_folder_is_an_error_of_one_line(copied, file, what, how):
    content = (copied / file).read_bytes()
    (copied / file).unlink()
    if how != "missing":
        (copied / file).write_bytes(content[: len(content) // 2 if how == "cut off" else 0])
    with pytest.raises(InlayError, match=rf"^text\.model=.*copy: {what} .*text\.model=FOLDER.*text=gru\.$"):
        BERTEncoder(str(copied))


def test_half_precision_weights_become_float32_and_weights_that_lack_some_are_refused(copied):
    from safetensors.torch import load_file, save_file

    weights = {key: value.half() for key, value in load_file(copied / "model.safetensors").items()}
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    change_config(copied, dtype="float16")
    for pretrained in (True, False):
        assert {p.dtype for p in BERTEncoder(str(copied), pretrained=pretrained).parameters()} == {torch.float32}
    del weights["bert.encoder.layer.1.output.dense.bias"]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InlayError, match=r"lack 1 of the network's, encoder\.layer\.1\.output\.dense\.bias"):
        BERTEncoder(str(copied))


def test_hub_without_network_says_which_files_go_where(monkeypatch, tmp_path, caplog):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with caplog.at_level(logging.WARNING), pytest.raises(InlayError) as caught:
        CLIPEncoder("openai/clip-vit-base-patch32")
    assert "text.model=openai/clip-vit-base-patch32 is not a folder: taking it from the Hugging Face hub" in caplog.text
    for said in (
        r"^text\.model=openai/clip-vit-base-patch32: its configuration could not be loaded",
        r"config\.json, model\.safetensors \(no pytorch_model\.bin.*\) and the tokenizer's files",
        r"of https://huggingface\.co/openai/clip-vit-base-patch32 into one folder.*text\.model=FOLDER.*$",
    ):
        assert re.search(said, str(caught.value))


@pytest.mark.parametrize(("name", "local"), [(None, True), ("owner/name", False)], ids=["folder", "hub"])
def test_a_folder_is_never_looked_up_on_the_hub(name, local, bert_folder, monkeypatch):
    import transformers

    asked = set()
    for loader in (transformers.AutoConfig, transformers.AutoTokenizer, transformers.AutoModel):

        def ask(model, *args, name=loader.__name__, real=loader.from_pretrained, **options):
            asked.add((name, model, options.get("local_files_only")))
            return real(str(bert_folder), *args, **options | {"local_files_only": True})

        monkeypatch.setattr(loader, "from_pretrained", ask)
    wanted = name or str(bert_folder)
    BERTEncoder(wanted)
    assert {question for question in asked if question[1] == wanted} == {
        (loader, wanted, local) for loader in ("AutoConfig", "AutoTokenizer", "AutoModel")
    }


def test_random_weights_must_be_asked_for_and_are_announced(clip_folder, caplog):
    with caplog.at_level(logging.WARNING):
        stored = CLIPEncoder(str(clip_folder))
        assert caplog.text == ""
        random = CLIPEncoder(str(clip_folder), pretrained=False)
    assert "text.pretrained=false" in caplog.text
    name = "backbone.net.embeddings.token_embedding.weight"
    assert not torch.equal(stored.get_parameter(name), random.get_parameter(name))
    # transformers hands networks over in eval mode, and Lightning leaves modes as they are
    assert all(module.training for module in CLIPEncoder(str(clip_folder), frozen=False).modules())


@pytest.mark.parametrize(("before", "after"), [(None, "false"), ("true", "true")])
def test_tokenizers_threads_are_off_unless_asked_for(before, after, clip_folder, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM")
    if before:
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
    CLIPEncoder(str(clip_folder))
    assert os.environ["TOKENIZERS_PARALLELISM"] == after
