import sys

import pytest

from inlay.app.filling import MODEL_NAMES
from inlay.cli import main
from inlay.fillers.classical import CLASSICAL


@pytest.fixture
def started(monkeypatch):
    """Starts ``inlay app`` with options; what it opens and serves."""
    asked = {}

    def start(*options):
        monkeypatch.setattr(sys, "argv", ["inlay", "app", *options])
        main()
        return asked

    monkeypatch.setattr("inlay.app.filling.open_models", lambda names, *_: asked.setdefault("models", list(names)))
    monkeypatch.setattr("inlay.app.server.serve", lambda models, limits, port: asked.update(port=port))
    return start


@pytest.mark.stranger("17.B.2")
def test_without_a_model_the_page_offers_the_fillers_that_need_no_training(started):
    assert started("--port", "7861") == {"models": list(MODEL_NAMES), "port": 7861}
    assert set(MODEL_NAMES) == set(CLASSICAL)


def test_several_models_are_offered_in_their_order(started):
    assert started("--model", "mean", "--model", "telea")["models"] == ["mean", "telea"]


@pytest.mark.stranger("17.B.2")
@pytest.mark.parametrize("where", ["inlay.app.filling.open_models", "inlay.cli._parser"])
def test_an_interrupt_before_there_is_a_page_is_one_line(started, monkeypatch, capsys, where):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    with pytest.raises(SystemExit) as ended:
        started()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted: the command ended before it was done.\n"
