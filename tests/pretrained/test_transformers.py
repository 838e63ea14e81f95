"""Folders in the form of the hub that ask for more than their own files."""

import json
import os
import shutil

import pytest

from inlay.errors import InlayError
from inlay.metrics.clip_score import CLIPScore
from inlay.pretrained.transformers import Source, local_only
from tests.text.conftest import bert_folder, clip_folder

__all__ = ["bert_folder", "clip_folder"]  # fixtures

pytestmark = pytest.mark.stranger("A.6")


@pytest.fixture
def stranger(bert_folder, tmp_path, monkeypatch):
    """A copy of a network's folder with code in it; nobody is asked whether to run it."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    folder = shutil.copytree(bert_folder, tmp_path / "stranger")
    (folder / "evil.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'trace')!r})\nclass Evil: pass\n")
    yield folder
    assert not (tmp_path / "trace").exists()


def change(path, **entries):
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | entries))


def refused(folder, *said):
    with pytest.raises(InlayError) as raised:
        used(folder)
    assert all(word in str(raised.value) for word in said), raised.value


def used(folder, pretrained=True):
    source = Source(str(folder), "text.model", "")
    config = source.config()
    source.tokenizer(config.vocab_size)
    return source.network(config, pretrained)


CODE = dict.fromkeys(("AutoConfig", "AutoModel"), "evil.Evil") | {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "special_tokens_map.json"])
@pytest.mark.parametrize("asks", [{"auto_map": CODE}, {"deep": [{"custom_pipelines": {"x": "evil"}}]}], ids=str)
def test_settings_that_ask_to_run_code(stranger, file, asks):
    change(stranger / file, **asks)
    refused(stranger, file, "asks to run code of its own")


def test_random_weights_run_no_code_either(stranger):
    """Where the folder's own settings were seen before the code came, transformers is told not to run it."""
    source = Source(str(stranger), "text.model", "")
    config = source.config()
    config.auto_map = CODE
    source.network(config, pretrained=False)


def test_clip_score_runs_no_code(clip_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    change(folder / "preprocessor_config.json", auto_map={"AutoImageProcessor": "evil.Evil"})
    with pytest.raises(InlayError, match=r"preprocessor_config\.json: auto_map asks to run code"):
        CLIPScore(str(folder))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.bin"])
def test_pickled_weights_are_not_opened(stranger, name, tmp_path):
    (stranger / "model.safetensors").rename(stranger / name)
    refused(stranger, "its weights could not be loaded", "no pytorch_model.bin, which could run code")
    change(stranger / "config.json", transformers_weights=name)
    refused(stranger, "transformers_weights asks for weights under another name")


@pytest.mark.parametrize("place", ["/etc/passwd", "../out.safetensors", "pytorch_model.bin", 7])
def test_an_index_that_leads_elsewhere(stranger, place):
    (stranger / "model.safetensors").unlink()
    change(stranger / "model.safetensors.index.json", metadata={}, weight_map={"x": place})
    refused(stranger, "model.safetensors.index.json", "no safetensors file of the folder")


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt", "tokenizer.json", "config.json"])
def test_a_link_that_leads_out_a_pipe_and_an_adapter(stranger, name, tmp_path):
    change(stranger / "adapter_config.json", base_model_name_or_path="/elsewhere")
    refused(stranger, "adapter_config.json", "asks for another network")
    (stranger / name).unlink(missing_ok=True)
    os.mkfifo(stranger / name)
    refused(stranger, name, "no regular file")
    (stranger / name).unlink()
    (stranger / name).symlink_to(tmp_path / "elsewhere")
    refused(stranger, f"{name} is a link that leads out of the folder")


def test_a_snapshot_of_the_hub_is_made_of_links_to_its_blobs(bert_folder, tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshots/main").mkdir(parents=True)
    for number, file in enumerate(bert_folder.iterdir()):
        shutil.copy(file, tmp_path / f"blobs/{number}")
        (tmp_path / "snapshots/main" / file.name).symlink_to(f"../../blobs/{number}")
    used(tmp_path / "snapshots/main")


@pytest.mark.stranger("A.2")
@pytest.mark.parametrize("claim", [{"hidden_size": 20_000, "intermediate_size": 10**6}, {"num_hidden_layers": 10**9}])
def test_settings_of_a_larger_network_than_the_weights(stranger, claim):
    change(stranger / "config.json", **claim)
    refused(stranger, "describes another network than its weights, a larger one")
    with local_only(max_numbers=10_000), pytest.raises(InlayError, match="a larger one"):
        used(stranger, pretrained=False)
