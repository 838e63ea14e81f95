import sys
from contextlib import suppress

import pytest

from inlay.cli import main
from tests.export.examples import write_pconv, write_tdanet
from tests.export.hub import TOKEN, Hub


@pytest.fixture
def inlay(monkeypatch, capsys):
    """The command, in this process, whether it ends well or not: what it says."""

    def called(*words):
        monkeypatch.setattr(sys, "argv", ["inlay", *map(str, words)])
        with suppress(SystemExit):
            main()
        return capsys.readouterr()

    return called


@pytest.fixture
def run(tmp_path):
    write_pconv(tmp_path / "runs/tiny/checkpoints/best.ckpt")
    return tmp_path / "runs/tiny"


@pytest.fixture
def checkpoint(run):
    return run / "checkpoints/best.ckpt"


@pytest.fixture
def text_checkpoint(tmp_path):
    return write_tdanet(tmp_path / "text.ckpt")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    from huggingface_hub import constants

    hub = Hub()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    yield hub
    hub.close()
