import sys

import pytest

from inlay.cli import main
from tests.evaluation.examples import results


@pytest.fixture(autouse=True)
def _alone_and_without_curves(monkeypatch):
    """Whoever runs the tests may be one of several processes; curves take seconds, and have tests of their own."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("inlay.evaluation.report.render", lambda *_: "<p>not drawn</p>")


@pytest.fixture
def given():
    return results()


@pytest.fixture
def inlay_(monkeypatch, capsys):
    """Run ``inlay evaluation``: its exit status, and what it printed to stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["inlay", "evaluation", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run
