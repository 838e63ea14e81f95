"""What a checkpoint's name stands for: a link, a small file with a name, or the file itself."""

import os

import pytest

from inlay.callbacks.checkpoints import _point
from inlay.checkpoints.files import digest, is_whole, resolved, sidecar
from inlay.fillers import load_filler
from inlay.runs.resume import find
from tests.training import train


@pytest.fixture(
    params=[None, PermissionError(1, "no"), OSError(95, "Operation not supported")], ids=["links", "1", "95"]
)
def disk(request, monkeypatch):
    """One with links, and ones without."""

    def refuse(*_, **__):
        raise request.param

    if request.param:
        monkeypatch.setattr(os, "symlink", refuse)


@pytest.mark.stranger("B.3")
def test_a_name_is_moved_on_with_or_without_links(disk, tmp_path):
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
    monkeypatch.setattr(os, "symlink", lambda *_, **__: os.mkdir("/"))  # noqa: PTH102 -- raises what disks do
    folder = tmp_path / "checkpoints"
    train(tmp_path, f"data.root={picture_folder}")
    assert not any(path.is_symlink() for path in folder.iterdir())
    train(tmp_path, f"data.root={picture_folder}", "iterations=6", "resume=last")
    for name in ("last", "best"):
        assert find(tmp_path, name).name.startswith("step_")
        assert is_whole(folder / f"{name}.ckpt")
        assert load_filler(folder / f"{name}.ckpt").path == resolved(folder / f"{name}.ckpt")
