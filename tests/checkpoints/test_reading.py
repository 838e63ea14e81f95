"""What a checkpoint's name stands for, and what is refused of the file behind it."""

import os
import zipfile
from unittest.mock import Mock

import pytest
import torch

from inlay.callbacks.checkpoints import _point
from inlay.checkpoints import build_network, build_text_encoder, read
from inlay.checkpoints.files import digest, is_whole, resolved, sidecar
from inlay.errors import InlayError
from inlay.fillers import load_filler
from inlay.runs.resume import find
from tests.export.examples import write_tdanet
from tests.training import train


@pytest.mark.stranger("B.3")
@pytest.mark.parametrize("refusal", [None, PermissionError(1, "no"), OSError(95, "Operation not supported")])
def test_a_name_is_moved_on_with_or_without_links(refusal, tmp_path, monkeypatch):
    if refusal:
        monkeypatch.setattr(os, "symlink", Mock(side_effect=refusal))
    for step in ("step_0000001.ckpt", "step_0000002.ckpt"):
        (tmp_path / step).write_bytes(step.encode() * 9)
        sidecar(tmp_path / step).write_text(f"{step}  {step}\n")
        _point(tmp_path / "last.ckpt", tmp_path / step)
    assert resolved(tmp_path / "last.ckpt").name == "step_0000002.ckpt"
    assert digest(tmp_path / "last.ckpt") == digest(tmp_path / "step_0000002.ckpt")
    assert sidecar(tmp_path / "last.ckpt").read_text().startswith("step_0000002.ckpt ")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.stranger("B.3")
@pytest.mark.parametrize("content", [b"../step_1.ckpt", b"/etc/passwd", b"step_1.ckpt" * 9, b"", b"PK"])
def test_other_content_is_the_file_itself(content, tmp_path):
    (tmp_path / "last.ckpt").write_bytes(content)
    assert resolved(tmp_path / "last.ckpt") == tmp_path / "last.ckpt"


@pytest.mark.stranger("B.3")
def test_a_run_without_links_goes_on_and_fills(tmp_path, picture_folder, monkeypatch):
    monkeypatch.setattr(os, "symlink", Mock(side_effect=FileExistsError(17, "File exists", "/")))
    folder = tmp_path / "checkpoints"
    train(tmp_path, f"data.root={picture_folder}")
    assert not any(path.is_symlink() for path in folder.iterdir())
    train(tmp_path, f"data.root={picture_folder}", "iterations=6", "resume=last")
    for name in ("last", "best"):
        assert find(tmp_path, name).name.startswith("step_")
        assert is_whole(folder / f"{name}.ckpt")
        assert load_filler(folder / f"{name}.ckpt").path == resolved(folder / f"{name}.ckpt")


@pytest.mark.stranger("A.2")
@pytest.mark.parametrize("name", ["net.x", "text.x"])
def test_a_tensor_larger_than_its_file_is_refused(name, tmp_path):
    state = {name: torch.zeros(1).expand(200_000, 200_000)}
    torch.save({"inlay": {"config": {}}, "state_dict": state}, tmp_path / "a.ckpt")
    with pytest.raises(InlayError, match=name):
        read(tmp_path / "a.ckpt")


@pytest.mark.stranger("A.2")
def test_a_packed_archive_is_refused_unread_and_not_whole(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "b.ckpt", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("archive/data.pkl", bytes(10_000))
    monkeypatch.setattr(torch, "load", None)
    monkeypatch.setattr(zipfile.ZipFile, "testzip", None)
    with pytest.raises(InlayError, match="packed"):
        read(tmp_path / "b.ckpt")
    assert not is_whole(tmp_path / "b.ckpt")


LARGE = [
    ("model", {"fusion_blocks": 10**9}),
    ("model", {"fusion_blocks": 10_000}),
    ("model", {"encoder_channels": [8] * 3000, "encoder_strides": [1] * 3000}),
    ("model", {"latent": 10**9}),
    ("text", {"dim": 2 * 10**9}),
    ("text", {"embedding": 9_000}),
    ("text", {"max_length": 10**9, "pad_to_multiple_of": 10**9}),
]


@pytest.mark.stranger("A.2")
@pytest.mark.parametrize(("group", "more"), LARGE, ids=[next(iter(more)) for _, more in LARGE])
def test_settings_of_more_than_the_file_holds_are_refused_before_it_is_laid_out(group, more, tmp_path):
    path = write_tdanet(tmp_path / "a.ckpt")
    content = torch.load(path, weights_only=True)
    content["inlay"]["config"][group] |= more
    torch.save(content, path)
    with pytest.raises(InlayError, match=r"do not fit|must"):
        (build_network if group == "model" else build_text_encoder)(path)


@pytest.mark.stranger("A.2")
@pytest.mark.parametrize("changed", [{"inlay": 5}, {"inlay": {"config": []}}, {"state_dict": [1]}, {"average": {5: 1}}])
def test_entries_of_other_kinds_are_refused(changed, tmp_path):
    torch.save({"inlay": {"config": {}}, "state_dict": {}} | changed, tmp_path / "a.ckpt")
    with pytest.raises(InlayError, match=r"does not say|have no names"):
        read(tmp_path / "a.ckpt")
