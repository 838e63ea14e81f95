"""The experiments for processors: a run that is killed goes on as if nothing had been."""

import signal

import pytest

from tests.kills import die_before, remains
from tests.processes import GROUP, run
from tests.training import TINY, TINY_LAMA, train, weights

STEPS, FATAL = 4, 3
DATA = [setting for setting in TINY if not setting.startswith(("model.", "loss="))]
SMALL_JUDGE = ["discriminator.channels=[4,4]", "discriminator.strides=[2,1]"]
EXPERIMENTS = {
    "lama_small_cpu": [*TINY_LAMA, "task.r1_every=2"],
    "deepfill_small_cpu": [*DATA, *SMALL_JUDGE, "model.width=2"],
    "aot_small_cpu": [*DATA, *SMALL_JUDGE, "model.width=4", "model.blocks=1", "model.rates=[1,2]", "loss=pixel"],
    "mobile_cpu": [*DATA, "model.channels=[4,8]", "model.rates=[1]"],
    "mobile_distill_cpu": [*DATA, "model.channels=[4,8]", "model.rates=[1]"],
}


def killed(folder, tiny, *settings):
    die_before(FATAL)
    train(folder, *settings, tiny=tiny)


@GROUP
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_killed_run_resumes_to_the_bits_of_one_that_was_not(name, tmp_path, noise):
    settings, tiny = [f"experiment={name}", f"data.root={noise}", f"iterations={STEPS}"], EXPERIMENTS[name]
    if "distill" in name:
        train(tmp_path / "teacher", f"data.root={noise}", "iterations=1")
        settings.append(f"teacher={tmp_path / 'teacher/checkpoints/last.ckpt'}")
    train(tmp_path / "whole", *settings, tiny=tiny)
    assert run(tmp_path / "log", killed, tmp_path / "run", tiny, *settings) == -signal.SIGKILL
    assert weights(tmp_path / "run")["global_step"] < STEPS
    train(tmp_path / "run", *settings, "resume=last", tiny=tiny)
    assert remains(tmp_path / "run") == remains(tmp_path / "whole")
