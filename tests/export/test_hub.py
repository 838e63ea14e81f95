import re

import pytest
import torch

from inlay import checkpoints
from inlay.errors import InlayError
from inlay.export.hub import push_folder
from inlay.fillers import load_filler
from tests.export.examples import scene

FILES = {"README.md", "config.json", "model.safetensors"}


def test_what_is_pushed_can_be_pulled(inlay, hub, checkpoint, caplog):
    told = inlay("push", checkpoint, "--to", "ann/tiny", "--license", "cc-by-4.0", "--private")
    assert told.out == f"{hub.address}/ann/tiny/commit/{'c' * 40}\n"
    assert (hub.repos["ann/tiny"].keys(), hub.private) == (FILES, {"ann/tiny": True})
    assert b"license: cc-by-4.0" in hub.repos["ann/tiny"]["README.md"]

    hub.repos["ann/tiny"] |= {"evil.py": b"import os", "pytorch_model.bin": b"x"}
    found = checkpoints.resolve_checkpoint("ann/tiny@main")
    assert {path.name for path in found.iterdir()} == FILES
    assert "ann/tiny@main: no such path; taking it from the Hugging Face hub" in caplog.text
    assert torch.equal(load_filler(found).fill(*scene()), load_filler(checkpoint).fill(*scene()))

    hub.close()
    assert checkpoints.resolve_checkpoint("ann/tiny") == found  # of the hub's cache


def test_what_looks_like_a_path_is_one_and_a_name_that_the_hub_does_not_know_is_refused(hub, run, monkeypatch):
    monkeypatch.chdir(run.parent.parent)
    for name in ("runs/tiny", "runs/tini", "a/b.ckpt", "a/b/c", "best", "/a/b", "../a", "a/b@c/d"):
        assert (str(checkpoints.resolve_checkpoint(name)), hub.asked) == (name, [])
    with pytest.raises(InlayError, match=r"^ann/none: no such checkpoint here, and not to be had .*RepositoryNotFound"):
        checkpoints.resolve_checkpoint("ann/none")


def test_without_a_license_nothing_is_pushed(inlay, hub, checkpoint, tmp_path):
    assert "error: give --license" in inlay("push", checkpoint, "--to", "ann/tiny").err
    inlay("export", checkpoint, "--to", tmp_path / "out")
    with pytest.raises(InlayError, match=r"states no license"):
        push_folder(tmp_path / "out", "ann/tiny")
    assert hub.asked == []


def test_a_token_that_may_not_write_is_one_line(inlay, hub, checkpoint, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    said = inlay("push", checkpoint, "--to", "ann/tiny", "--license", "mit").err.strip().splitlines()[-1]
    assert re.match(r"error: --to ann/tiny: .*\(HfHubHTTPError: Client error '401.*hf auth login.*HF_TOKEN", said)
    assert hub.repos == {}


def test_a_folder_is_pushed_as_it_is(inlay, hub, checkpoint, tmp_path):
    out = tmp_path / "out"
    inlay("export", checkpoint, "--to", out, "--license", "mit")
    (out / "notes.txt").write_text("of mine")
    said = inlay("push", out, "--to", "ann/tiny", "--license", "mit").err
    assert "has its card already, and --license would do nothing" in said
    inlay("push", out, "--to", "ann/tiny")
    assert hub.repos["ann/tiny"] == {name: (out / name).read_bytes() for name in FILES}
    assert hub.private == {"ann/tiny": False}
