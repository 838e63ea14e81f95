import zipfile

import pytest
import torch

from inlay.checkpoints import read
from inlay.errors import InlayError


@pytest.mark.stranger("A.2")
@pytest.mark.parametrize("name", ["net.x", "text.x"])
def test_a_tensor_larger_than_its_file_is_refused(name, tmp_path):
    state = {name: torch.zeros(1).expand(200_000, 200_000)}
    torch.save({"inlay": {"config": {}}, "state_dict": state}, tmp_path / "a.ckpt")
    with pytest.raises(InlayError, match=name):
        read(tmp_path / "a.ckpt")


@pytest.mark.stranger("A.2")
def test_a_packed_archive_is_refused_unread(tmp_path, monkeypatch):
    torch.save({"inlay": {"config": {}}, "state_dict": {}}, tmp_path / "a.ckpt")
    with zipfile.ZipFile(tmp_path / "a.ckpt") as stored:
        entries = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(tmp_path / "b.ckpt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content + bytes(10_000))
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(InlayError, match="packed"):
        read(tmp_path / "b.ckpt")
