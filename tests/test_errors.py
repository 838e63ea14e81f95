import pickle
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from torch._utils import ExceptionWrapper

from inlay.errors import BadFile, InlayError, NoHole, reported


@pytest.fixture
def report(capsys):
    """What :func:`reported` prints of an action that fails, and the exit status."""

    def run(action):
        with pytest.raises(SystemExit) as stop, reported():
            action()
        printed = capsys.readouterr()
        assert printed.out == ""
        return printed.err, stop.value.code

    return run


WRAPPED = ValueError("middle")  # as Hydra wraps what a constructor raises
WRAPPED.__cause__ = InlayError("ours.")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (InlayError("ours."), None),
        (InlayError("ours."), OSError("theirs")),
        (RuntimeError("outer"), WRAPPED),
        (BadFile("ours."), None),
        (NoHole("ours."), None),
    ],
)
def test_mistake_is_one_line_and_status_1(report, error, cause):
    error.__cause__ = cause
    assert report(Mock(side_effect=error)) == ("error: ours.\n", 1)


@pytest.mark.parametrize("cause", [None, OSError("theirs"), "itself"])
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InlayError("masks.ratio: too narrow."), "masks.ratio: too narrow."),
        (BadFile(Path("deep/a.png"), "not a picture."), "deep/a.png: not a picture."),
        (NoHole("a.png: its object is too small"), "a.png: its object is too small"),
    ],
)
def test_mistake_in_a_worker_is_its_last_line(report, error, line, cause):

    def wrapped():
        try:
            raise error from (error if cause == "itself" else cause)
        except InlayError:
            return ExceptionWrapper(where="in DataLoader worker process 0")

    assert report(wrapped().reraise) == (f"error: {line}\n", 1)


def test_a_bad_file_is_named_also_in_another_process():
    for error in (given := BadFile(Path("deep/a.png"), "torn."), pickle.loads(pickle.dumps(given))):
        assert (error.path, error.reason, str(error)) == ("deep/a.png", "torn.", "deep/a.png: torn.")
    assert str(BadFile("all in one")) == "all in one"


MET = KeyError("a defect")
MET.__context__ = InlayError("met on the way to it.")


@pytest.mark.parametrize("error", [ValueError("a defect"), MET, KeyboardInterrupt(), SystemExit(3)])
def test_everything_else_passes(error, capsys):
    with reported():
        pass
    with pytest.raises(type(error)) as caught, reported():
        raise error
    assert caught.value is error
    assert capsys.readouterr() == ("", "")


@pytest.mark.stranger("17.B.2")
def test_an_interrupt_while_something_is_imported_is_one_line(tmp_path):
    lost = "try:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept BaseException:\n    pass\n"
    (tmp_path / "slow.py").write_text(f"import os, signal\n{lost}")
    program = "from inlay.errors import interrupted\nwith interrupted('half done.'):\n    import slow\nprint('went on')"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted: half done.\n")
