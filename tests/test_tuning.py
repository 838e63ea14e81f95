"""``tune=lr`` and ``inlay tune batch_size``: what they find, what they refuse, and that they leave runs alone."""

from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from pytorch_lightning.tuner.lr_finder import _LRCallback

from inlay.cli import tune as command
from inlay.errors import InlayError
from inlay.images import read_picture
from inlay.models import PConvUNet
from inlay.tuning import learning_rate, tune
from inlay.tuning.learning_rate import LRCurve, of_each_step
from tests.training import TDANET, TINY, TINY_TEXT, configure, train

RATES = np.geomspace(1e-6, 1, 100)


def run(what, run_dir, *settings, tiny=TINY):
    command.run(what, configure(f"run_dir={run_dir}", *tiny, *settings, "~callbacks.preflight"))


@pytest.mark.parametrize(
    ("what", "settings", "message"),
    [
        ("batch_size", [*TINY, "seed=0"], "without a GPU"),
        ("lr", [*TINY, "trainer.devices=2"], "trainer.devices=1"),
        ("lr", [*TINY, "resume=last"], "Leave resume= out"),
        ("lr", [*TINY_TEXT, *TDANET], "one optimizer"),
    ],
)
def test_refusals_say_why(tmp_path, noise, what, settings, message):
    with pytest.raises(InlayError, match=f"(?i){message}"):
        run(what, tmp_path / "run", f"data.root={noise}", tiny=settings)
    assert not (tmp_path / "run").exists()


class TestCurve:
    def curve(self, rng, at=1e-3):
        decades = np.log10(RATES / at)
        return LRCurve(RATES, 1 - 0.8 / (1 + np.exp(-4 * decades)) + 0.05 * rng.standard_normal(100) + RATES**2)

    def test_suggests_where_the_loss_falls_fastest_and_nothing_where_it_does_not_fall(self, rng):
        for at in (1e-4, 1e-3, 1e-2):
            assert at / 3 < self.curve(rng, at=at).suggestion < at * 3
        assert LRCurve(RATES, 1 + 0.2 * rng.standard_normal(100)).suggestion is None
        assert LRCurve(RATES, RATES + 0.01 * rng.standard_normal(100)).suggestion is None

    @pytest.mark.parametrize("steps", [0, 1, 10, 11])
    def test_suggests_nothing_of_few_steps_and_is_drawn_all_the_same(self, rng, tmp_path, steps):
        curve = LRCurve(*(values[:steps] for values in self.curve(rng)))
        assert curve.suggestion is None
        curve.draw(tmp_path / "curve.png")
        assert read_picture(tmp_path / "curve.png").size[0] > 300

    def test_is_freed_of_lightnings_running_mean(self, rng):
        losses, running = rng.random(40), _LRCallback(40)
        trainer = SimpleNamespace(
            fit_loop=SimpleNamespace(batch_idx=0),
            accumulate_grad_batches=1,
            strategy=SimpleNamespace(broadcast=lambda value: value),
            should_stop=False,
        )
        for step, loss in enumerate(losses, start=1):
            trainer.global_step = step
            running.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)}, None, 0)
        assert running.losses[0] < 0.6 * losses[0]  # what is to be mended
        np.testing.assert_allclose(of_each_step(running.losses), losses, rtol=1e-9)


class TestLearningRate:
    SETTINGS = ("data.batch_size=8", "data.overfit_one_batch=true")

    def test_is_printed_as_a_setting_and_drawn(self, tmp_path, picture_folder, capsys, monkeypatch):
        monkeypatch.setattr(learning_rate, "_STEPS", 50)
        run("lr", tmp_path / "run", f"data.root={picture_folder}", *self.SETTINGS)
        first, second = capsys.readouterr().out.splitlines()[-2:]
        assert 1e-5 < float(first.removeprefix("optimizer.lr=")) < 0.5
        assert str(tmp_path / "run/lr_find.png") in second
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["lr_find.png"]

    def test_leaves_an_earlier_run_and_an_earlier_plot_alone(self, tmp_path, picture_folder, monkeypatch):
        train(tmp_path, f"data.root={picture_folder}", "iterations=2")
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        monkeypatch.setattr(learning_rate, "_STEPS", 3)
        for _ in range(2):
            with pytest.raises(InlayError, match=r"optimizer\.lr"):
                run("lr", tmp_path, f"data.root={picture_folder}", *self.SETTINGS)
        assert all(path.read_bytes() == content for path, content in before.items())
        new = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*") if path not in before}
        assert new == {"lr_find.png", "earlier/1/lr_find.png"}

    def test_curve_ends_where_the_loss_is_no_number(self, tmp_path, picture_folder, monkeypatch):
        curves, forward, calls = [], PConvUNet.forward, []

        def spoiled(net, masked, mask):
            calls.append(1)
            return forward(net, masked, mask) * (torch.nan if len(calls) == 16 else 1)

        monkeypatch.setattr(PConvUNet, "forward", spoiled)
        monkeypatch.setattr(learning_rate, "_STEPS", 20)
        monkeypatch.setattr(tune, "_print_rate", lambda curve, path: curves.append(curve))
        run("lr", tmp_path, f"data.root={picture_folder}", *self.SETTINGS)
        assert len(calls) == 20
        assert len(curves[0].losses) == len(curves[0].rates) == 15


class TestBatchSize:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 64, 100, 1000, 9999])
    @pytest.mark.parametrize("most", [1, 2, 100, 4096])
    def test_the_largest_is_found_to_a_sixteenth(self, limit, most):
        tried = []

        def fits(number):
            tried.append(number)
            return number <= limit

        found, truth = tune.largest(fits, most), min(limit, most)
        assert found == 0 if truth < 2 else 15 / 16 * truth <= found <= truth
        assert len(set(tried)) == len(tried) <= 20
        assert all(2 <= number <= most for number in tried)

    @pytest.fixture
    def small_gpu(self, monkeypatch):
        refused, forward = [], PConvUNet.forward

        def guarded(net, masked, mask):
            if len(masked) > 5:
                refused.append(len(masked))
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return forward(net, masked, mask)

        monkeypatch.setattr(PConvUNet, "forward", guarded)
        monkeypatch.setattr(tune, "check", lambda *_: None)
        return refused

    @pytest.mark.slow
    def test_is_printed_as_a_setting(self, tmp_path, picture_folder, capsys, small_gpu):
        settings = f"data.root={picture_folder}", "task.accumulate=3", "iterations=100"
        run("batch_size", tmp_path / "run", *settings)
        printed = [line.removeprefix("data.batch_size=") for line in capsys.readouterr().out.splitlines()]
        assert printed[-7:-1] == ["6 fits", "12 fits", "24 does not fit", "18 does not fit", "15 fits", "12"]
        assert small_gpu == [8, 6]
        assert not (tmp_path / "run").exists()

    def test_nothing_fits(self, tmp_path, picture_folder, small_gpu, monkeypatch):
        monkeypatch.setattr(tune, "largest", lambda fits, most: int(fits(6)))
        with pytest.raises(InlayError, match="not even the smallest batch fits"):
            run("batch_size", tmp_path, f"data.root={picture_folder}")
        assert small_gpu == [6]

    def test_other_errors_are_no_answer(self, tmp_path, picture_folder, small_gpu, monkeypatch):
        monkeypatch.setattr(PConvUNet, "forward", Mock(side_effect=RuntimeError("shapes do not match")))
        with pytest.raises(RuntimeError, match="shapes do not match"):
            run("batch_size", tmp_path, f"data.root={picture_folder}")
