"""Killed at any moment and resumed, a run ends on the same bits as one that was never killed."""

import functools
import random
import signal

import pytest

from tests.kills import killed, remains, trained
from tests.processes import GROUP, run
from tests.training import TDANET, TINY, TINY_TEXT

pytestmark = [GROUP, pytest.mark.filterwarnings("ignore:This DataLoader will create")]

# validations, checkpoints and the ends of passes (five pictures) fall on different steps
LENGTH = ["iterations=9", "validate_every=4", "checkpoint_every=3"]
TASKS = {
    "one optimizer": (TINY, ["callbacks=averaged", "scheduler=cosine"]),
    "two optimizers": (TINY_TEXT, [*TDANET, "scheduler=cosine"]),
}


class Trial:
    """Runs of one task with so many workers: one that is left alone, and those that are killed."""

    def __init__(self, folder, noise, task, workers):
        self.folder = folder
        self.tiny, more = TASKS[task]
        self.settings = [f"data.root={noise}", f"data.num_workers={workers}", *LENGTH, *more]
        # the index is made once, and its moments would be missing later
        assert run(folder / "first.log", trained, folder / "first", [*self.settings, "iterations=1"], self.tiny) == 0
        assert run(folder / "whole.log", killed, folder / "whole", self.settings, self.tiny) == 0
        self.whole = remains(folder / "whole")
        self.moments = (folder / "whole/moments.txt").read_text().splitlines()

    def differences(self, fatal):
        """In what a run that dies at a moment and is resumed differs from the one that was left alone."""
        run_dir, log = self.folder / f"{fatal}", self.folder / f"{fatal}.log"
        status = run(log, killed, run_dir, self.settings, self.tiny, fatal)
        assert status == -signal.SIGKILL, "the run was not killed: " + log.read_text()[-2000:]
        assert run(log, trained, run_dir, [*self.settings, "resume=auto"], self.tiny) == 0, log.read_text()[-3000:]
        return {key: (value, self.whole[key]) for key, value in remains(run_dir).items() if value != self.whole[key]}


@pytest.fixture(scope="module")
def trial(noise, tmp_path_factory):
    return functools.cache(lambda *given: Trial(tmp_path_factory.mktemp("trial"), noise, *given))


@pytest.mark.parametrize(
    ("task", "workers", "name", "which"),
    [
        ("one optimizer", 0, "half-written checkpoint", 3),
        pytest.param("one optimizer", 2, "before symlink_to", 6, marks=pytest.mark.slow),
        ("one optimizer", 0, "after on_validation_start", 0),  # weights are swapped for their average
        ("two optimizers", 0, "after on_before_optimizer_step", 10),  # one player has moved, the other has not
        pytest.param("two optimizers", 0, "before on_train_batch_end", 5, marks=pytest.mark.slow),
    ],
)
def test_run_killed_at_a_bad_moment_resumes_exactly(trial, task, workers, name, which):
    some = trial(task, workers)
    fatal = [number for number, moment in enumerate(some.moments) if moment == name][which]
    assert some.differences(fatal) == {}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_fifty_runs_killed_at_random_moments_resume_exactly(trial, capsys):
    rng, identical = random.Random(0), 0
    kinds = [(task, workers) for task in TASKS for workers in (0, 2)]
    for number in range(50):
        some = trial(*kinds[number % len(kinds)])
        identical += not some.differences(rng.randrange(len(some.moments)))
    with capsys.disabled():
        print(f"\n{identical} of 50 identical")
    assert identical == 50
