import pytest

from inlay.cli import main
from inlay.images import write_picture
from tests.composing import configure
from tests.pictures import picture


@pytest.fixture(autouse=True)
def _composed_once(monkeypatch):
    """Commands in this process compose settings as other tests do; those in processes of their own ask Hydra itself."""
    monkeypatch.setattr("inlay.cli.settings.compose", lambda config, words: configure(*words, config=config))


@pytest.fixture
def inlay(monkeypatch, capsys):

    def inlay(*arguments):
        monkeypatch.setattr("sys.argv", ["inlay", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code
        printed = capsys.readouterr()
        return printed.out, printed.err, status

    return inlay


@pytest.fixture
def refused(inlay):
    """A command that is answered with one line and exit status 1."""

    def refused(*arguments):
        _, error, status = inlay(*arguments)
        assert status == 1
        line = error.splitlines()[-1]  # behind what a progress bar left
        assert line.startswith("error: ")
        assert "Traceback" not in error
        return line

    return refused


@pytest.fixture
def root(tmp_path):
    for name in ("train/a.png", "train/b.jpg", "train/deep/c.webp", "train/v1.0/d.png", "val/e.png"):
        write_picture(tmp_path / "root" / name, picture(size=(40 + len(name), 50)))
    return tmp_path / "root"
