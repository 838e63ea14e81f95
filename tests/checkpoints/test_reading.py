import zipfile

import pytest
import torch

from inlay.checkpoints import build_network, build_text_encoder, read
from inlay.checkpoints.files import is_whole
from inlay.errors import InlayError
from tests.export.examples import write_tdanet


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
