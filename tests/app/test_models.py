import pickle

import pytest

from inlay.app.filling import open_models
from inlay.errors import InlayError


class Bomb:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return (open, (str(self.canary), "w"))


def test_models_are_opened_once_in_their_order():
    models = open_models(["telea", "mean"], "cpu")
    assert list(models) == ["telea", "mean"]
    assert not models["mean"].filler.takes_text
    with pytest.raises(InlayError, match="same filler"):
        open_models(["telea", "telea"])


def test_a_malicious_checkpoint_ends_the_program_and_runs_nothing(tmp_path):
    (tmp_path / "best.ckpt").write_bytes(pickle.dumps(Bomb(tmp_path / "canary")))
    with pytest.raises(InlayError, match=str(tmp_path / "best.ckpt")):
        open_models(["telea", str(tmp_path / "best.ckpt")], "cpu")
    assert not (tmp_path / "canary").exists()
