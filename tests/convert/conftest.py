import pytest
import torch

from tests.convert import layouts


@pytest.fixture
def naoto0804_file(tmp_path):
    """``naoto0804_file(state)``: the file as published, with what its training kept beside the weights."""

    def save(state=None, **others):
        path, state = tmp_path / "published.pth", layouts.naoto0804() if state is None else state
        optimizer = {"state": {}, "param_groups": [{"lr": 5e-5}]}
        torch.save({"model": state, "optimizer": optimizer, "n_iter": 9} | others, path)
        return path

    return save


@pytest.fixture
def tdanet_folder(tmp_path):
    """``tdanet_folder(e, g, step)``: a folder as published; called again, it adds a step."""

    def save(e=None, g=None, step="latest"):
        folder = tmp_path / "official"
        folder.mkdir(exist_ok=True)
        for letter, given, own in zip("EG", (e, g), layouts.tdanet(), strict=True):
            torch.save(own if given is None else given, folder / f"{step}_net_{letter}.pth")
        return folder

    return save
