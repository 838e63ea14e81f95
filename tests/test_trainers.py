"""Precision, ``debug=overfit`` and ``debug=profiler``; the processor stands in for a GPU."""

import json
from itertools import islice

import pytest
import torch

from inlay import precision
from inlay.data.loader import InfiniteDistributedSampler
from inlay.errors import InlayError
from inlay.tasks import ReconstructionTask
from tests.training import metrics, train, weights


class TestPrecision:
    @pytest.mark.parametrize(
        ("cuda", "bfloat16", "accelerators"),
        [(True, True, "auto gpu cuda"), (True, False, ""), (False, True, ""), (False, False, "")],
    )
    def test_auto_is_bfloat16_where_the_run_gets_a_gpu_that_has_it(self, monkeypatch, cuda, bfloat16, accelerators):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bfloat16)
        for accelerator in ("auto", "gpu", "cuda", "cpu", "mps"):
            expected = "bf16-mixed" if accelerator in accelerators.split() else "32-true"
            assert precision.resolve("auto", accelerator) == expected

    @pytest.mark.parametrize("given", ["bf16-mixed", "32-true", "64-true", 32])
    def test_what_is_given_is_taken(self, given):
        assert precision.resolve(given, "auto") == given

    def test_float16_is_refused_before_the_run_has_touched_its_folder(self, tmp_path, noise):
        for given in ("16-mixed", "16-true", "16", 16):
            with pytest.raises(InlayError, match=r"Use bf16-mixed"):
                precision.resolve(given, "gpu")
        with pytest.raises(InlayError, match="bf16-mixed"):
            train(tmp_path / "run", f"data.root={noise}", "trainer.precision=16-mixed")
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(("given", "parts"), [("auto", torch.float32), ("bf16-mixed", torch.bfloat16)])
    def test_reaches_the_network_and_checkpoints_say_what_was_given(
        self, tmp_path, picture_folder, monkeypatch, given, parts
    ):
        seen = set()
        step = ReconstructionTask.training_step

        def looking(task, *batch):
            seen.add(torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype)
            return step(task, *batch)

        monkeypatch.setattr(ReconstructionTask, "training_step", looking)
        train(tmp_path, f"data.root={picture_folder}", "iterations=1", f"trainer.precision={given}")
        assert seen == {parts}
        assert weights(tmp_path)["inlay"]["config"]["trainer"]["precision"] == given


class TestOneBatch:
    """``data.overfit_one_batch``: the first batch of the first pass, again and again."""

    @pytest.mark.parametrize("start", [0, 4, 12])
    @pytest.mark.parametrize(("pictures", "limit"), [(7, 4), (3, 4)], ids=["of more pictures", "of fewer"])
    def test_comes_again_and_again_also_after_a_resume(self, start, pictures, limit):
        once = list(islice(InfiniteDistributedSampler(pictures, seed=1), limit))
        resumed = InfiniteDistributedSampler(pictures, seed=1, limit=limit)
        resumed.start = start
        assert list(islice(resumed, 3 * limit)) == 3 * once

    def test_is_shared_out(self, monkeypatch):
        whole = list(islice(InfiniteDistributedSampler(7, seed=1), 4))
        for rank in range(2):
            monkeypatch.setattr("inlay.data.loader.rank_and_world", lambda rank=rank: (rank, 2))
            assert list(islice(InfiniteDistributedSampler(7, seed=1, limit=4), 6)) == 3 * whole[rank::2]


@pytest.fixture
def as_before(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("as_before")
def test_debugging_learns_one_batch_and_looks_for_anomalies(tmp_path, picture_folder, monkeypatch):
    batches, switches = [], []
    step = ReconstructionTask.training_step

    def looking(task, batch, number):
        batches.append((batch["id"], batch["image"].clone(), batch["mask"].clone()))
        switches.append((torch.is_anomaly_enabled(), torch.are_deterministic_algorithms_enabled()))
        return step(task, batch, number)

    monkeypatch.setattr(ReconstructionTask, "training_step", looking)
    debug = ["debug=overfit", "optimizer.lr=2e-2", "validate_every=100"]
    train(tmp_path, f"data.root={picture_folder}", *debug, "iterations=30")
    (ids, image, mask), *others = batches
    assert len(ids) == 2
    assert len(others) == 29
    assert all(i == ids and torch.equal(x, image) and torch.equal(m, mask) for i, x, m in others)
    assert set(switches) == {(True, True)}
    curve = metrics(tmp_path, "train/loss")
    assert len(curve) == 30
    assert curve[-1] < 0.5 * curve[0]


@pytest.mark.slow
def test_profiling_prints_a_table_and_leaves_a_trace(tmp_path, picture_folder, caplog):
    train(tmp_path, f"data.root={picture_folder}", "debug=profiler")
    assert "Profile stats" in caplog.text
    assert "[pl][module]inlay.models.pconv.PConvUNet: net" in caplog.text
    (trace,) = (tmp_path / "profile").glob("*.pt.trace.json")
    steps = [event for event in json.loads(trace.read_text())["traceEvents"] if "ProfilerStep" in event["name"]]
    assert len(steps) == 5
    assert len(metrics(tmp_path, "train/loss")) == 30
    assert metrics(tmp_path, "val/psnr") == []


def test_a_few_steps_to_step_through(tmp_path, noise):
    train(tmp_path, f"data.root={noise}", "debug=default")
    assert len(metrics(tmp_path, "train/loss")) == 4
    assert len(metrics(tmp_path, "val/psnr")) == 2
