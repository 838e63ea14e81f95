"""Several processes train the network that one process would have trained, and end together."""

import csv
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from torch import distributed as dist
from torch import nn

from inlay import distributed
from inlay.callbacks import Checkpoints
from inlay.errors import REQUEUE, InlayError, reported
from inlay.images import write_picture
from inlay.models.layers import convert_sync_batchnorm, revert_sync_batchnorm
from tests.kills import digest, in_step, trained
from tests.pictures import picture
from tests.processes import GROUP, Child, ranks, run
from tests.training import TDANET, TINY, TINY_TEXT, metrics, train, weights

pytestmark = GROUP
DDP = ["trainer=ddp_cpu"]
FSDP = [
    "trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.precision=32-true",
    "trainer.sync_batchnorm=false",
    "trainer.plugins=[{_target_:inlay.callbacks.AtomicCheckpointIO},{_target_:inlay.callbacks.CPUSyncBatchNorm}]",
]  # fmt: skip
LENGTH = ["data.batch_size=4", "iterations=5", "validate_every=2"]


SMALL, SMALL_TEXT = ([setting for setting in tiny if setting != "trainer=cpu"] for tiny in (TINY, TINY_TEXT))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    for number in range(12):  # nine to train on, three to validate: uneven for two processes
        name = f"train/{number}" if number < 9 else f"val/{number}"
        write_picture(root / f"{name}.png", picture(size=(40, 40), seed=number))
        (root / f"{name}.txt").write_text("a red bird\n")
    return root


@pytest.fixture
def two(tmp_path):
    """Two processes do something to a folder; their exit statuses."""

    def two(function, name, settings, *more, tiny=SMALL):
        return [child.wait() for child in ranks(tmp_path, 2, function, tmp_path / name, settings, tiny, *more)]

    return two


def rows(run_dir):
    with (run_dir / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


def trained_alike(run_dir, settings, tiny):
    inner = Checkpoints.on_train_end

    def end(self, trainer, module):
        inner(self, trainer, module)
        run_dir.with_name(f"rank{trainer.global_rank}.sha").write_text(digest(module.state_dict()))

    Checkpoints.on_train_end = end
    train(run_dir, *settings, tiny=tiny, preflight=True)


@pytest.mark.parametrize("recipe", ["one optimizer", "two optimizers", pytest.param("sharded", marks=pytest.mark.slow)])
def test_ddp_agrees_with_one_process_on_losses_metrics_and_weights(pictures, tmp_path, two, recipe):
    """The stated tolerance: 1e-4 relative for what is logged, after five steps."""
    tiny, more = {
        "one optimizer": (SMALL, ["callbacks=averaged", "task.gradient_clip=0.5"]),
        "two optimizers": (SMALL_TEXT, [*TDANET, "text.dropout=0"]),  # each process drops other words
        "sharded": (SMALL, ["task.gradient_clip=0.5"]),
    }[recipe]
    calm = "+optimizer.eps=0.01"  # Adam makes whole steps of the rounding error in a gradient that is nearly zero
    logs = "trainer.log_every_n_steps=2"  # what is written down is averaged, and at the right steps
    settings = [f"data.root={pictures}", *LENGTH, *more, calm, logs]
    assert run(tmp_path / "one.log", trained, tmp_path / "one", [*settings, "trainer=cpu"], tiny) == 0
    if recipe == "sharded":
        assert two(trained, "two", [*settings, *FSDP], tiny=tiny) == [0, 0]
    else:
        assert two(trained_alike, "two", [*settings, *DDP], tiny=tiny) == [0, 0]
        assert (tmp_path / "rank0.sha").read_text() == (tmp_path / "rank1.sha").read_text()
    expectations = rows(tmp_path / "one")
    assert len(expectations) == 2 + 2
    for expected, found in zip(expectations, rows(tmp_path / "two"), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True)
    first, second = (weights(tmp_path / name) for name in ("one", "two"))
    assert first["inlay"]["samples"] == second["inlay"]["samples"] == 20
    for key, value in first["state_dict"].items():
        torch.testing.assert_close(second["state_dict"][key], value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_ddp_run_resumes_on_another_number_of_processes(pictures, tmp_path, two):
    settings = [f"data.root={pictures}", *LENGTH, "trainer=cpu"]
    assert run(tmp_path / "log", trained, tmp_path / "whole", settings, SMALL) == 0
    assert two(trained, "parted", [f"data.root={pictures}", *LENGTH, "iterations=3", *DDP]) == [0, 0]
    assert run(tmp_path / "log", trained, tmp_path / "parted", [*settings, "resume=last"], SMALL) == 0
    whole, parted = (metrics(tmp_path / name, "train/loss") for name in ("whole", "parted"))
    assert parted == pytest.approx(whole, rel=1e-4)


def refused(run_dir, settings, tiny):
    with reported():
        train(run_dir, *settings, tiny=tiny)


def test_ddp_shares_weights_out_for_one_optimizer_alone(pictures, tmp_path, two):
    assert two(refused, "two", [f"data.root={pictures}", *LENGTH, *FSDP, *TDANET], tiny=SMALL_TEXT) == [1, 1]
    assert "trainer=fsdp works for tasks with one optimizer" in (tmp_path / "rank0.log").read_text()


def test_ddp_needs_a_picture_to_validate_for_each_process(noise, tmp_path, two):
    assert two(refused, "run", [f"data.root={noise}", *LENGTH, *DDP]) == [1, 1]
    assert "validation has 1 picture for 2 processes" in (tmp_path / "rank0.log").read_text()


@pytest.mark.slow
def test_ddp_run_with_shared_out_weights_resumes(pictures, tmp_path, two):
    settings = [f"data.root={pictures}", *LENGTH, *FSDP]
    for name, more in (("whole", []), ("halves", ["iterations=3"]), ("halves", ["resume=last"])):
        assert two(trained, name, [*settings, *more]) == [0, 0]
    whole, halves = (weights(tmp_path / name) for name in ("whole", "halves"))
    assert whole["state_dict"].keys() == halves["state_dict"].keys()
    assert all(torch.equal(value, halves["state_dict"][key]) for key, value in whole["state_dict"].items())


def disturbed(run_dir, settings, tiny, number):
    """Train; in its third step the second process gets a signal, or hangs for want of one."""

    def disturb(task):
        if task.trainer.global_rank == 1:
            os.kill(os.getpid(), number) if number else time.sleep(200)

    in_step(3, disturb)
    refused(run_dir, settings, tiny)


def test_ddp_run_stops_as_one_when_one_process_is_asked(pictures, tmp_path, two):
    assert two(disturbed, "run", [f"data.root={pictures}", *LENGTH, *DDP], signal.SIGTERM) == [REQUEUE, REQUEUE]
    assert (tmp_path / "run/checkpoints/last.ckpt").resolve().name == "step_0000003.ckpt"


@pytest.mark.stranger("B.19")
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(0, marks=pytest.mark.slow)], ids=["dies", "hangs"])
def test_ddp_run_names_the_process_that_dies_or_hangs(pictures, tmp_path, number):
    settings = [f"data.root={pictures}", *LENGTH, *DDP, "trainer.strategy.timeout.seconds=20", "checkpoint_every=1"]
    first, second = ranks(tmp_path, 2, disturbed, tmp_path / "run", settings, SMALL, number)
    status, said = first.wait(), (tmp_path / "rank0.log").read_text()
    if not number:
        second.signal(signal.SIGKILL)
    assert (status, second.wait()) == (1, -signal.SIGKILL), said[-3000:]
    assert "error: process 1 (counted from 0) of this run is gone, or hangs" in said
    assert "trainer.strategy.timeout.seconds" in said
    assert (tmp_path / "run/checkpoints/last.ckpt").resolve().name == "step_0000002.ckpt"


@pytest.mark.stranger("B.19")
@pytest.mark.parametrize("failed", [[0, 1, 2, 3], [0, 2]], ids=["nobody", "two of four"])
def test_processes_that_do_not_answer_are_known_by_their_numbers(failed):
    store = dist.HashStore()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda rank: distributed.missing_ranks(store, rank, 4, 0.5), failed))
    assert answers == [[rank for rank in range(4) if rank not in failed]] * len(failed)


@pytest.mark.stranger("B.19")
@pytest.mark.parametrize(("lasts", "missing"), [(0, [0]), (2, [])], ids=["before", "meanwhile"])
def test_first_process_keeps_the_store_and_is_gone_with_it(lasts, missing):
    class Store:
        calls = 0

        def set(self, key, value):
            Store.calls += 1
            if Store.calls > lasts:
                raise dist.DistNetworkError("Connection reset by peer")

        def check(self, keys):
            self.set("", "")
            return False

    assert distributed.missing_ranks(Store(), 1, 2, 9) == missing


@pytest.mark.stranger("B.19")
@pytest.mark.parametrize(
    "said",
    ["[gloo/transport/tcp/pair.cc:544] Timed out waiting 20000ms", "Application timeout caused pair closure"],
    ids=["dead", "hanging"],
)
def test_exchange_that_fails_ends_the_processes_that_lightning_started(monkeypatch, said):
    ended = []
    strategy = SimpleNamespace(launcher=SimpleNamespace(kill=ended.append))
    monkeypatch.setattr(distributed, "_late", lambda: [1, 3])
    with (
        pytest.raises(InlayError, match=r"^process 1, 3 .*hangs.*resume=last"),
        distributed.explain_collective_errors(strategy),
    ):
        raise RuntimeError(said)
    assert ended == [signal.SIGKILL]


def normalize(folder, rank, world):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    x, target, norm = problem()
    convert_sync_batchnorm(norm)
    mine = x[rank::world].clone().requires_grad_()
    (norm(mine) * target[rank::world]).mean().backward()
    for parameter in norm.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= world
    torch.save([mine.grad / world, norm[0].weight.grad, norm[0].bias.grad, *norm.buffers()], folder / f"{rank}.pt")


def problem():
    generator = torch.Generator().manual_seed(1)
    x, target = (torch.randn(4, 3, 5, 6, generator=generator) * 3 + 1 for _ in range(2))
    norm = nn.Sequential(nn.BatchNorm2d(3))
    nn.init.normal_(norm[0].weight, generator=generator)
    return x, target, norm


def test_ddp_batch_norm_is_that_of_the_whole_batch(tmp_path):
    x, target, norm = problem()
    whole = x.clone().requires_grad_()
    (norm(whole) * target).mean().backward()
    children = [Child(tmp_path / f"{rank}.log", normalize, tmp_path, rank, 2) for rank in range(2)]
    assert [child.wait() for child in children] == [0, 0], (tmp_path / "0.log").read_text()
    for rank in range(2):
        gradient, weight, bias, *buffers = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(gradient, whole.grad[rank::2])
        torch.testing.assert_close([weight, bias], [norm[0].weight.grad, norm[0].bias.grad])
        torch.testing.assert_close(buffers, list(norm.buffers()))


def test_ddp_batch_norm_is_the_usual_one_on_one_process():
    x, _, norm = problem()
    expected = norm(x)
    _, _, shared = problem()
    convert_sync_batchnorm(shared)
    assert torch.equal(shared(x), expected)
    assert shared.state_dict().keys() == norm.state_dict().keys()
    revert_sync_batchnorm(shared)
    assert type(shared[0]) is nn.BatchNorm2d


@pytest.mark.slow
def test_ddp_processes_that_lightning_starts_write_to_one_folder(pictures, tmp_path):
    run_dir = f"run_dir={tmp_path}/runs/${{now:%H-%M-%S-%f}}"
    command = [sys.executable, "-m", "inlay", "train", *SMALL, *DDP, *LENGTH, f"data.root={pictures}", run_dir]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert weights(folder)["global_step"] == 5
    settings = [f"data.root={pictures}", *LENGTH, "trainer=cpu"]
    assert run(tmp_path / "log", trained, tmp_path / "one", settings, SMALL) == 0
    assert metrics(folder, "train/loss") == pytest.approx(metrics(tmp_path / "one", "train/loss"), rel=1e-4)
