"""A run that is asked to stop saves itself at the edge of a step, exits to be started again, and goes on exactly."""

import os
import re
import signal
import time
from datetime import timedelta

import pytest
from torch.distributed import HashStore

from inlay.errors import REQUEUE, reported
from inlay.tasks import InpaintingTask
from inlay.tasks.base import Task
from tests.kills import in_step, remains, trained
from tests.processes import GROUP, run
from tests.training import TDANET, TINY, TINY_TEXT, train

pytestmark = [GROUP, pytest.mark.filterwarnings("ignore:This DataLoader will create")]
LENGTH = ["iterations=6", "validate_every=4", "checkpoint_every=99"]


def asked(run_dir, settings, tiny, owner, name, call, numbers):
    inner, calls = getattr(owner, name), []

    def method(*arguments, **options):
        calls.append(1)
        if len(calls) == call:
            for number in numbers:
                os.killpg(0, number)  # as a cluster does it: to the workers, too
                time.sleep(0.05)
        return inner(*arguments, **options)

    setattr(owner, name, method)
    with reported():
        train(run_dir, *settings, tiny=tiny)


@pytest.fixture(scope="module")
def whole(noise, tmp_path_factory):
    """What remains of runs that are left alone, by their settings; each is made once, without workers."""
    made = {}

    def get(settings, tiny):
        key = (*settings, *tiny)
        if key not in made:
            folder = tmp_path_factory.mktemp("whole")
            assert run(folder / "log", trained, folder / "run", settings, tiny) == 0
            made[key] = remains(folder / "run")
        return dict(made[key])

    return get


@pytest.mark.parametrize(
    ("recipe", "workers", "owner", "name", "call", "numbers", "steps"),
    [
        ("one", 0, Task, "on_before_optimizer_step", 3, [signal.SIGTERM], 3),
        ("one", 2, Task, "on_before_optimizer_step", 3, [signal.SIGUSR1] + 3 * [signal.SIGTERM], 3),
        pytest.param(  # the first validation is the check at the start
            "one", 0, InpaintingTask, "validation_step", 2, [signal.SIGTERM], 4, marks=pytest.mark.slow
        ),
        pytest.param(  # between the players of step 3
            "two", 0, Task, "on_before_optimizer_step", 5, [signal.SIGTERM], 3, marks=pytest.mark.slow
        ),
        pytest.param("short", 0, InpaintingTask, "validation_step", 1, [signal.SIGTERM], 0, marks=pytest.mark.slow),
        ("short", 0, InpaintingTask, "validation_step", 2, [signal.SIGINT], 2),
    ],
    ids=["a step", "workers too, repeated", "validation", "two optimizers", "before training", "at its end"],
)
def test_run_that_is_asked_to_stop_goes_on_exactly(
    noise, whole, tmp_path, recipe, workers, owner, name, call, numbers, steps
):
    tiny, more = {
        "one": (TINY, ["callbacks=averaged"]),
        "two": (TINY_TEXT, TDANET),
        "short": (TINY, ["iterations=3", "validate_every=3", "checkpoint_every=2"]),
    }[recipe]
    alone = [f"data.root={noise}", *LENGTH, *more]
    settings = [*alone, f"data.num_workers={workers}"]
    log = tmp_path / "log"
    assert run(log, asked, tmp_path / "stopped", settings, tiny, owner, name, call, numbers) == REQUEUE, log.read_text()
    done = r"\d" if recipe == "short" else steps  # in the last validation all steps are done, and not all are saved
    assert re.search(rf"after {done} iterations\. The same command with resume=last goes on\.", log.read_text())
    assert (tmp_path / "stopped/checkpoints/last.ckpt").resolve().name == f"step_{steps:07d}.ckpt"
    assert run(log, trained, tmp_path / "stopped", [*settings, "resume=last"], tiny) == 0, log.read_text()
    stopped, expected = remains(tmp_path / "stopped"), whole(alone, tiny)
    for each in (stopped, expected):
        recipe == "short" or each.pop("checkpoints")  # the one of the stop is among the last two
    assert stopped == expected


def hanging(run_dir, settings, where):

    def hang(task):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60) if where == "in Python" else HashStore().wait(["never"], timedelta(seconds=60))

    in_step(3, hang)
    train(run_dir, *settings, "callbacks.preemption.grace=1", tiny=TINY)


@pytest.mark.parametrize("where", [pytest.param("in Python", marks=pytest.mark.slow), "in a library"])
def test_run_that_hangs_ends_all_the_same(noise, tmp_path, where):
    begun = time.monotonic()
    status = run(tmp_path / "log", hanging, tmp_path / "run", [f"data.root={noise}", "checkpoint_every=2"], where)
    assert status == REQUEUE
    assert "no step ended within 1 s; the latest checkpoint stands" in (tmp_path / "log").read_text()
    assert time.monotonic() - begun < 50
    assert (tmp_path / "run/checkpoints/last.ckpt").resolve().name == "step_0000002.ckpt"
