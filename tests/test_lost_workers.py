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


FULL = rf"error: the memory that workers share \(/dev/shm\) is full\..*{re.escape(MORE_SHARED_MEMORY)}"
KILLED = r"error: a process that loads data \(pid {}\) was killed.*lower data.num_workers .* resume=last"


@pytest.mark.stranger("B.13", "B.19")
@pytest.mark.parametrize(
    ("message", "said"),
    [
        (BUS_ERROR, FULL),
        *((NO_SPACE.format(what), FULL) for what in ("write to file", "resize file", "open shared memory object")),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", KILLED.format("7, 8")),
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", KILLED.format("7")),
    ],
)
def test_workers_without_memory_and_killed_ones_are_one_line_with_the_remedy_of_doctor(capsys, message, said):
    try:
        raise RuntimeError(message)
    except RuntimeError:
        raised = ExceptionWrapper(where="in DataLoader worker process 0")  # as the loader does it
    with pytest.raises(SystemExit) as stop, reported():
        raised.reraise()
    line = capsys.readouterr().err
    assert (stop.value.code, line.count("\n")) == (1, 1)
    assert re.match(said, line)
    assert shared_memory(64 * 2**20).remedy == MORE_SHARED_MEMORY


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
