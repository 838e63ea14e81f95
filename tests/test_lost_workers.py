"""A loader's worker that dies, or has no memory to share, is one line with what helps."""

import multiprocessing
import os
import re
import signal
import time

import pytest
from torch._utils import ExceptionWrapper

from inlay.doctor.machine import shared_memory
from inlay.errors import MORE_SHARED_MEMORY, reported
from tests.kills import in_step, remains, trained
from tests.processes import GROUP, run
from tests.training import TINY, train

BUS_ERROR = (
    "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
    "shared memory. Please try to raise your shared memory limit."
)
NO_SPACE = "unable to {} </torch_4242_1871_0>: No space left on device (28)"


def in_a_worker(message):
    """What the loader raises for an error in one of its processes."""
    try:
        raise RuntimeError(message)
    except RuntimeError:
        return ExceptionWrapper(where="in DataLoader worker process 0")


def said(capsys, action):
    with pytest.raises(SystemExit) as stop, reported():
        action()
    assert stop.value.code == 1
    return capsys.readouterr().err


@pytest.mark.stranger("B.13")
@pytest.mark.parametrize(
    "message",
    [BUS_ERROR, *(NO_SPACE.format(what) for what in ("write to file", "resize file", "open shared memory object"))],
)
def test_full_dev_shm_is_one_line_with_the_remedy_of_doctor(capsys, message):
    line = said(capsys, in_a_worker(message).reraise)
    assert line.startswith("error: the memory that workers share (/dev/shm) is full.")
    assert line.count("\n") == 1
    assert MORE_SHARED_MEMORY in line
    assert shared_memory(64 * 2**20).remedy == MORE_SHARED_MEMORY


@pytest.mark.stranger("B.19")
@pytest.mark.parametrize(
    ("message", "who"), [("(pid(s) 7, 8) exited unexpectedly", "7, 8"), ("(pid 7) is killed by signal: Killed. ", "7")]
)
def test_worker_that_is_killed_is_named_with_a_remedy(capsys, message, who):
    line = said(capsys, in_a_worker(f"DataLoader worker {message}").reraise)
    assert line.startswith(f"error: a process that loads data (pid {who}) was killed")
    assert re.search("lower data.num_workers .* resume=last", line)


def loses_its_workers(run_dir, settings):
    """Train, and have the processes that load data killed in the third step."""

    def kill_workers(task):
        for worker in multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGKILL)
        time.sleep(1)  # PyTorch hears of it in the middle of whatever it does

    in_step(3, kill_workers)
    with reported():
        train(run_dir, *settings, tiny=TINY)


@pytest.mark.stranger("B.19")
@GROUP
def test_training_whose_worker_is_killed_says_so_and_ends_on_the_same_bytes_when_resumed(noise, tmp_path):
    settings = [f"data.root={noise}", "iterations=6", "validate_every=3", "checkpoint_every=2"]
    workers, log = [*settings, "data.num_workers=1"], tmp_path / "log"
    assert run(log, loses_its_workers, tmp_path / "run", workers) == 1
    assert re.search("was killed.* lower data.num_workers .* resume=last", log.read_text())
    assert "Traceback" not in log.read_text()
    assert run(log, trained, tmp_path / "run", [*workers, "resume=last"], TINY) == 0
    assert run(log, trained, tmp_path / "whole", settings, TINY) == 0
    ended, expected = remains(tmp_path / "run"), remains(tmp_path / "whole")
    ended["checkpoints"] = [name for name in ended["checkpoints"] if not name.startswith("exception")]
    assert ended == expected
