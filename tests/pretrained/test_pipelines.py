"""Folders of diffusers that are incomplete, or ask for more than their own files."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from inlay.errors import InlayError, Missing
from inlay.pretrained import pipelines
from inlay.pretrained.pipelines import load_pipeline, pipeline_folder


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    return shutil.copytree(tiny_pipeline, tmp_path / "pipeline")


def change(path, **entries):
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def without(path, key):
    held = load_file(path)
    save_file({name: value for name, value in held.items() if name != key}, path, metadata={"format": "pt"})


def as_pickle(path):
    torch.save(load_file(path), path.with_suffix(".bin"))
    path.unlink()


UNET, TEXT = "unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"
SPOILED = {
    "absent": (shutil.rmtree, "no such folder.*model_index.json"),
    "no index": (lambda f: (f / "model_index.json").unlink(), "model_index.json: no such file"),
    "no json": (lambda f: (f / "model_index.json").write_text("{"), "model_index.json: is no JSON"),
    "unknown class": (lambda f: change(f / "model_index.json", _class_name="Mine"), "'Mine', no pipeline"),
    "custom pipeline": (lambda f: change(f / "model_index.json", custom_pipeline="mine"), "code of its own"),
    "foreign class": (lambda f: change(f / "model_index.json", unet=["os", "PathLike"]), "not to be trusted"),
    "a function": (lambda f: change(f / "model_index.json", unet=["diffusers", "logging"]), "not to be trusted"),
    "code": (lambda f: (f / "unet" / "mine.py").write_text(""), "mine.py: is code"),
    "remote code": (lambda f: change(f / "unet/config.json", auto_map={"AutoModel": "a.B"}), "code of its own"),
    "pickle": (lambda f: as_pickle(f / UNET), r"\.bin: is a pickle.*safetensors"),
    "cut off": (lambda f: (f / UNET).write_bytes((f / UNET).read_bytes()[:999]), "could not be loaded as UNet2D"),
    "weight of unet": (lambda f: without(f / UNET, "conv_in.bias"), r"lacks 1 weights of UNet2D\w+, conv_in.bias"),
    "weight of text": (lambda f: without(f / TEXT, "final_layer_norm.bias"), "lacks 1 weights of CLIPText"),
    "tokenizer": (lambda f: shutil.rmtree(f / "tokenizer"), "tokenizer: knows 2 tokens, and text_encoder 514"),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_spoiled_folder_is_refused(folder, spoil):
    change_folder, says = SPOILED[spoil]
    change_folder(folder)
    with pytest.raises(InlayError, match=says):
        load_pipeline(pipeline_folder(folder))


def test_a_tokenizer_that_knows_no_longest_caption_takes_the_networks(folder):
    settings = folder / "tokenizer/tokenizer_config.json"
    settings.write_text(
        json.dumps({k: v for k, v in json.loads(settings.read_text()).items() if k != "model_max_length"})
    )
    assert load_pipeline(folder).tokenizer.model_max_length == 77


def test_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(Missing, match=r"pip install 'inlay\[diffusion\]'"):
        pipelines.require_diffusers()
