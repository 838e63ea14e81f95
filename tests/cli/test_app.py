from unittest.mock import Mock

import pytest

from inlay.app.filling import MODEL_NAMES
from inlay.fillers.classical import CLASSICAL


@pytest.mark.stranger("17.B.2")
@pytest.mark.parametrize("given", [MODEL_NAMES, ["mean", "telea"]])
def test_models_are_offered_in_their_order_or_without_one_the_fillers_that_need_no_training(inlay, given, monkeypatch):
    asked = {}
    monkeypatch.setattr("inlay.app.filling.open_models", lambda names, *_: asked.setdefault("models", list(names)))
    monkeypatch.setattr("inlay.app.server.serve", lambda models, limits, port: asked.update(port=port))
    options = [] if given is MODEL_NAMES else [f"--model={name}" for name in given]
    assert inlay("app", "--port", 7861, *options)[2] == 0
    assert asked == {"models": list(given), "port": 7861}
    assert set(MODEL_NAMES) == set(CLASSICAL)


@pytest.mark.stranger("17.B.2")
@pytest.mark.parametrize("where", ["inlay.app.filling.open_models", "inlay.cli._parser"])
def test_an_interrupt_before_there_is_a_page_is_one_line(inlay, monkeypatch, where):
    monkeypatch.setattr(where, Mock(side_effect=KeyboardInterrupt))
    assert inlay("app") == ("", "interrupted: the command ended before it was done.\n", 130)
