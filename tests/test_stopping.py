"""A training that is asked to stop before its first checkpoint ends with the status to be started again."""

import os
import pty
import runpy
import signal
import subprocess
import sys
from importlib import import_module

import pytest

from inlay import stopping
from inlay.errors import REQUEUE
from inlay.tasks.base import Task
from tests.conftest import ROOT
from tests.kills import in_step, trained
from tests.processes import GROUP, run
from tests.training import TINY


@pytest.mark.stranger("B.2")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP])
def test_train_is_asked_to_stop_while_it_imports_and_exits_75(tmp_path, number):
    (tmp_path / "hydra.py").write_text(f"import os\nos.kill(os.getpid(), {number:d})\nraise RuntimeError('went on')\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "train.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    said = f"preempted: {number.name}. The same command starts it again, with resume=auto where it stopped.\n"
    assert (done.returncode, done.stderr) == (REQUEUE, said)


def asked(run_dir, settings, owner, name, number):
    """Train like train.py, and be sent a signal before a function is called."""
    home = owner if isinstance(owner, type) else import_module(owner)
    inner = getattr(home, name)

    def function(*arguments, **options):
        os.kill(os.getpid(), number)
        return inner(*arguments, **options)

    setattr(home, name, function)
    train_py(run_dir, settings)


def train_py(run_dir, settings):
    sys.argv = ["train.py", f"run_dir={run_dir}", *settings]
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")


@pytest.mark.stranger("B.2")
@GROUP
@pytest.mark.parametrize(
    ("number", "owner", "name", "left"),
    [
        (signal.SIGINT, "inlay.cli.folders", "_is_named_by_the_clock", []),
        (signal.SIGTERM, "inlay.cli.training", "build", []),
        pytest.param(
            signal.SIGUSR1, "inlay.runs.folder", "prepare_run_dir", ["step_0000000.ckpt"], marks=pytest.mark.slow
        ),
        (signal.SIGTERM, Task, "setup", ["step_0000000.ckpt"]),
    ],
    ids=["composing", "building", "opening the folder", "beginning to train"],
)
def test_train_is_asked_to_stop_before_its_first_checkpoint_and_leaves_nothing_half_made(
    noise, tmp_path, number, owner, name, left
):
    settings, folder = [*TINY, f"data.root={noise}"], tmp_path / "run"
    assert run(tmp_path / "log", asked, folder, settings, owner, name, number) == REQUEUE
    said = (tmp_path / "log").read_text()
    assert f"preempted: {number.name}" in said
    assert "Traceback" not in said
    assert left or {path.name for path in folder.glob("[!.]*")} <= {"train.log"}
    assert sorted(path.name for path in folder.glob("checkpoints/step_*.ckpt")) == left
    if left:
        assert run(tmp_path / "log", trained, folder, [*settings, "resume=last"], TINY) == 0


@pytest.mark.stranger("B.14")
def test_hangup_asks_to_stop_unless_nohup_has_it_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert signal.SIGHUP in stopping.signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert signal.SIGHUP not in stopping.signals()
    finally:
        signal.signal(signal.SIGHUP, before)


def loses_its_terminal(run_dir, settings):
    outside, inside = pty.openpty()
    for descriptor in (1, 2):
        os.dup2(inside, descriptor)
    os.close(inside)

    def hang_up(task):
        os.close(outside)
        os.kill(os.getpid(), signal.SIGHUP)

    in_step(3, hang_up)
    train_py(run_dir, settings)


@pytest.mark.stranger("B.14")
@GROUP
def test_train_loses_its_terminal_and_is_saved_as_by_sigterm(noise, tmp_path):
    settings = [*TINY, f"data.root={noise}", "validate_every=4", "checkpoint_every=9"]
    assert run(tmp_path / "log", loses_its_terminal, tmp_path / "run", settings) == REQUEUE
    assert (tmp_path / "run/checkpoints/step_0000003.ckpt").exists()
