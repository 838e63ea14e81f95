"""Checkpoints are whole or absent, the right ones are kept, and what is damaged is not used."""

import errno
import hashlib
import os
import shutil
from unittest.mock import Mock

import pytest
import torch

from inlay import checkpoints
from inlay.callbacks import AtomicCheckpointIO, IterationProgressBar, atomic_io
from inlay.callbacks.atomic_io import size
from inlay.checkpoints.files import is_whole, sidecar, step_files
from inlay.data.samples import TrainingSamples
from inlay.errors import InlayError
from inlay.runs import resume
from inlay.tasks import ReconstructionTask
from tests.training import metrics, train, weights

SETTINGS = ["iterations=7", "validate_every=3", "checkpoint_every=2"]


@pytest.fixture
def save(tmp_path):
    """Write a checkpoint with a tensor of ``numbers`` ones."""

    def write(name="last.ckpt", step=1, numbers=10):
        path = tmp_path / name
        AtomicCheckpointIO().save_checkpoint({"step": step, "weights": torch.ones(numbers)}, path)
        return path

    return write


@pytest.fixture(scope="module")
def finished(noise, tmp_path_factory):
    """A finished run; who changes it takes a copy."""
    run_dir = tmp_path_factory.mktemp("finished")
    train(run_dir, f"data.root={noise}", *SETTINGS)
    return run_dir


def assert_ended_alike(first, second):
    ours, theirs = (weights(run_dir)["state_dict"] for run_dir in (first, second))
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    assert (first / "metrics.csv").read_text() == (second / "metrics.csv").read_text()


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy", symlinks=True)


class TestFiles:
    def test_stand_beside_their_sum_and_nothing_else(self, save, tmp_path):
        save()
        path = save(step=2)
        digest, name = sidecar(path).read_text().split()
        assert (digest, name) == (hashlib.sha256(path.read_bytes()).hexdigest(), "last.ckpt")
        assert is_whole(path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "last.ckpt.sha256"]

    def test_size_is_that_of_all_tensors(self):
        parts = [torch.zeros(2, dtype=torch.uint8), {"c": torch.zeros(1)}]
        assert size({"a": torch.zeros(3), "b": parts, "d": 7}) == 18

    @pytest.mark.parametrize("with_sum", [True, False], ids=["by its sum", "by the archive"])
    @pytest.mark.parametrize(
        "damage",
        [
            lambda b: b[:-200],
            lambda b: b"",
            lambda b: b[: len(b) // 2] + bytes([b[len(b) // 2] ^ 1]) + b[len(b) // 2 + 1 :],
        ],
        ids=["truncated", "empty", "one bit"],
    )
    def test_damage_is_seen(self, save, damage, with_sum):
        path = save(numbers=10_000)
        if not with_sum:
            sidecar(path).unlink()
        assert is_whole(path)
        path.write_bytes(damage(path.read_bytes()))
        assert not is_whole(path)

    def test_larger_than_the_disk_are_not_begun(self, save, monkeypatch):
        path = save()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 61, 39))
        with pytest.raises(InlayError, match="not enough space"):
            save(step=2)
        assert torch.load(path, weights_only=True)["step"] == 1


NO_ROOM = [OSError(number, os.strerror(number)) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)]


@pytest.mark.stranger("B.18")
@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        *((error, rf"{error.strerror}.*0 MB, \d+ MB are free.*make room, then resume=last") for error in NO_ROOM),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied.*Choose another place"),
        (RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:544] Connection reset by peer"), None),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), None),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), None),
        (KeyboardInterrupt(), None),
    ],
    ids=str,
)
def test_only_a_disk_that_takes_no_more_asks_for_room(save, tmp_path, monkeypatch, error, remedy):
    """Whatever else strikes while a checkpoint is written is raised as it is; the one before is left."""
    path = save()
    for owner, name in [(atomic_io._Hashing, "write"), (os, "fsync")][: 1 + (error in NO_ROOM)]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, Mock(side_effect=error))
            with pytest.raises(InlayError if remedy else type(error), match=remedy) as caught:
                save(step=2)
        assert remedy or caught.value is error
    assert torch.load(path, weights_only=True)["step"] == 1
    assert is_whole(path)
    assert len(list(tmp_path.iterdir())) == 2


class TestOfARun:
    def test_are_the_last_two_and_the_best_each_with_its_sum_and_say_where_they_come_from_and_stand(self, finished):
        scores = metrics(finished, "val/psnr_hole")  # after 3 and 6 iterations
        best = 3 * (1 + scores.index(max(scores)))
        assert set(step_files(finished / "checkpoints")) == {6, 7, best}
        assert (finished / "checkpoints/last.ckpt").resolve().name == "step_0000007.ckpt"
        assert (finished / "checkpoints/best.ckpt").resolve().name == f"step_{best:07d}.ckpt"
        files = list((finished / "checkpoints").glob("*.ckpt"))
        assert len(files) >= 4
        assert all(sidecar(path).exists() and is_whole(path) for path in files)
        said = weights(finished)["inlay"]
        assert weights(finished)["global_step"] == 7
        assert (said["step"], said["samples"], said["epoch"]) == (7, 14, 2)  # five pictures, two a batch
        assert said["config"]["iterations"] == 7
        assert said["packages"]["torch"] == torch.__version__.split("+")[0] or torch.__version__
        assert said["git"] is None or len(said["git"].removesuffix("+changes")) == 40

    @pytest.mark.stranger("B.11")
    def test_go_by_a_metric_that_exists_which_is_known_before_the_run(self, noise, tmp_path):
        with pytest.raises(InlayError, match=r"monitor=val/beauty is not measured. Choose one of: val/l1, .*/1-10"):
            train(tmp_path / "run", f"data.root={noise}", "monitor=val/beauty")
        assert not (tmp_path / "run").exists()

    @pytest.mark.stranger("B.11")
    def test_of_a_metric_that_is_better_when_lower_are_the_lowest_and_as_many_as_asked_for(self, noise, tmp_path):
        settings = ["monitor=val/l1_hole", "iterations=6", "validate_every=1", "callbacks.checkpoints.keep=3"]
        value = train(tmp_path, f"data.root={noise}", *settings, "optimizer.lr=1.0")  # makes it worse now and then
        scores = metrics(tmp_path, "val/l1_hole")
        best = sorted(range(1, 7), key=lambda step: scores[step - 1])[:3]
        assert value == pytest.approx(min(scores))
        assert min(scores) < max(scores)
        assert set(step_files(tmp_path / "checkpoints")) == {5, 6, *best} != {4, 5, 6}
        assert (tmp_path / "checkpoints/best.ckpt").resolve().name == f"step_{best[0]:07d}.ckpt"

    @pytest.mark.stranger("B.11")
    def test_are_looked_for_anew_in_another_metric(self, copy, noise):
        best = (copy / "checkpoints/best.ckpt").resolve()
        go_on = [f"data.root={noise}", "monitor=val/l1", "resume=last", "checkpoint_every=1"]
        assert train(copy, *go_on, "iterations=10", "+trainer.limit_val_batches=0") is None
        assert (copy / "checkpoints/best.ckpt").resolve() == best  # until there is another
        assert train(copy, *go_on, "iterations=11", "validate_every=1") == metrics(copy, "val/l1")[-1]
        assert (copy / "checkpoints/best.ckpt").resolve().name == "step_0000011.ckpt"

    @pytest.mark.stranger("B.11")
    def test_end_a_run_that_becomes_no_better(self, noise, tmp_path, caplog):
        settings = ["optimizer.lr=0", "validate_every=1", "iterations=9", "callbacks.checkpoints.patience=2"]
        train(tmp_path, f"data.root={noise}", *settings)
        assert weights(tmp_path)["global_step"] == 3
        assert "for 2 iterations: the run ends here (callbacks.checkpoints.patience)" in caplog.text


class TestResume:
    def test_uses_the_checkpoint_before_a_damaged_one_and_ends_where_it_would_have(
        self, finished, copy, noise, capsys, caplog
    ):
        (copy / "checkpoints/last.ckpt").write_bytes(b"")
        assert resume.find(str(copy), "last").name == "step_0000006.ckpt"
        assert "step_0000007.ckpt is damaged; the checkpoint before it is used" in caplog.text
        train(copy, f"data.root={noise}", *SETTINGS, "resume=last")
        assert "settings changed" not in capsys.readouterr().out  # another folder is no other setting
        assert_ended_alike(finished, copy)
        assert (copy / "earlier/1/checkpoints/step_0000007.ckpt").read_bytes() == b""

    def test_refuses_one_that_is_damaged_or_when_all_are(self, copy):
        for path in step_files(copy / "checkpoints").values():
            path.write_bytes(path.read_bytes()[:-1])
            with pytest.raises(InlayError, match="is damaged"):
                resume.find(str(copy), str(path))
        with pytest.raises(InlayError, match=r"all 3 checkpoints in .* are damaged"):
            resume.find(str(copy), "last")

    def test_finds_last_best_and_paths_and_nothing_is_an_error_unless_it_is_auto(self, finished, tmp_path):
        folder = finished / "checkpoints"
        assert resume.find(str(finished), "last") == resume.find(str(finished), "auto") == folder / "step_0000007.ckpt"
        assert resume.find(str(finished), "best") == (folder / "best.ckpt").resolve()
        assert resume.find("elsewhere", str(folder / "step_0000006.ckpt")).name == "step_0000006.ckpt"
        assert resume.find(str(finished), None) is None
        for which in ("last", "best", "gone.ckpt"):
            with pytest.raises(InlayError, match=f"resume={which}: no checkpoint at"):
                resume.find(str(tmp_path), which)
        assert resume.find(str(tmp_path), "auto") is None

    @pytest.mark.stranger("B.12")
    def test_of_another_version_names_both(self, copy, monkeypatch):
        config = weights(copy)["inlay"]["config"]
        monkeypatch.setattr("inlay.__version__", "9.8.7")
        with pytest.raises(InlayError, match=r"Inlay 0\.1\.0 wrote it, and this is Inlay 9\.8\.7\. .*init_from="):
            resume.compare(copy / "checkpoints/last.ckpt", config)
        held = torch.load(copy / "checkpoints/last.ckpt", weights_only=True)
        held["inlay"]["config"]["model"]["width"] = 8
        torch.save(held, copy / "other.ckpt")
        with pytest.raises(InlayError, match=r"do not fit the network .*0\.1\.0 wrote it, and this is Inlay 9\.8\.7"):
            checkpoints.build_network(copy / "other.ckpt")

    @pytest.mark.stranger("B.14")
    def test_lists_what_changed_key_by_key_where_the_state_allows_it_and_pictures(self, finished, capsys):
        told = weights(finished)["inlay"]
        config = told["config"]
        changed = config | {"iterations": 9, "model": config["model"] | {"gradient_checkpointing": True, "new": 1}}
        resume.report(finished / "checkpoints/last.ckpt", changed, {})
        lines = "iterations: 7 -> 9\n  model.gradient_checkpointing: False -> True\n  model.new: (not set) -> 1\n"
        assert f"3 settings changed since\n  {lines}" in capsys.readouterr().out
        then = {"train": told["train_pictures"], "val": told["val_pictures"]}
        resume.report(finished / "checkpoints/last.ckpt", config, then)
        assert "the data changed" not in capsys.readouterr().out
        resume.report(finished / "checkpoints/last.ckpt", config, {"train": then["train"] + 1})
        assert f"the data changed since, {then['train']} -> {then['train'] + 1} pictures" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "setting", ["model.width=5", "optimizer.lr=1e-3", "scheduler=one_cycle", "optimizer._target_=torch.optim.AdamW"]
    )
    def test_refuses_what_the_state_contradicts(self, copy, noise, setting):
        before = sorted(copy.rglob("*"))
        with pytest.raises(InlayError, match=rf"other settings \(.*{setting.split('=')[0]}.*init_from="):
            train(copy, f"data.root={noise}", "validate_every=3", "iterations=9", "resume=last", setting)
        assert sorted(copy.rglob("*")) == before

    def test_of_best_sets_later_checkpoints_aside(self, copy, noise):
        best = int(weights(copy, "best")["global_step"])
        later = {step for step in step_files(copy / "checkpoints") if step > best}
        train(copy, f"data.root={noise}", "iterations=8", "validate_every=3", "resume=best")
        assert set(step_files(copy / "earlier/1/checkpoints")) == later
        assert weights(copy)["global_step"] == 8

    def test_in_another_folder_has_its_checkpoint_there(self, finished, noise, tmp_path, capsys):
        train(tmp_path, f"data.root={noise}", *SETTINGS, f"resume={finished}/checkpoints/last.ckpt")
        assert "iterations=7 are done; nothing is left to train" in capsys.readouterr().out
        assert (tmp_path / "checkpoints/last.ckpt").resolve().name == "step_0000007.ckpt"


class TestExceptions:
    @pytest.fixture
    def broken(self, noise, tmp_path, monkeypatch):

        def run(owner, name, after):
            inner, calls = getattr(owner, name), []

            def failing(*arguments, **options):
                calls.append(1)
                if len(calls) > after:
                    raise RuntimeError("broken")
                return inner(*arguments, **options)

            with monkeypatch.context() as patch:
                patch.setattr(owner, name, failing)
                with pytest.raises(RuntimeError, match="broken"):
                    train(tmp_path, f"data.root={noise}", *SETTINGS)
            assert len(calls) == after + 1

        return run

    @pytest.mark.parametrize(
        ("owner", "name", "after", "steps"),
        [
            (ReconstructionTask, "batch_loss", 4, 4),
            (ReconstructionTask, "validation_step", 2, 6),  # the first is the check before training
            (TrainingSamples, "make", 9, 4),
        ],
        ids=["loss", "validation", "data"],
    )
    def test_leave_a_checkpoint_that_goes_on_exactly(
        self, broken, finished, noise, tmp_path, caplog, owner, name, after, steps
    ):
        broken(owner, name, after)
        path = tmp_path / "checkpoints/exception.ckpt"
        assert f"stopped after {steps} iterations; go on with resume={path}" in caplog.text
        train(tmp_path, f"data.root={noise}", *SETTINGS, f"resume={path}")
        assert_ended_alike(finished, tmp_path)

    def test_in_the_middle_of_a_step_leave_none(self, broken, tmp_path, caplog):
        broken(IterationProgressBar, "on_train_batch_end", 4)
        assert "was half done: nothing saved" in caplog.text
        assert not (tmp_path / "checkpoints/exception.ckpt").exists()
        assert resume.find(str(tmp_path), "last").name == "step_0000004.ckpt"
