"""What is not finite never reaches the weights; it is kept, can be looked at, and ends the run if it stays."""

import logging
import math
import shutil
from functools import partial
from itertools import pairwise

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from torch.utils.data import DataLoader

from inlay.cli import replay
from inlay.data.datamodule import InpaintingData
from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork
from inlay.runs.library_warnings import silence_warnings
from inlay.tasks import ReconstructionTask, TDANetTask
from inlay.tasks.optimization import Loss, clip_or_drop_gradients, propagate_nonfinite
from tests.kills import digest
from tests.training import TDANET, TINY_TEXT, configure, metrics, train, weights

EVERY_STEP = ["validate_every=1", "callbacks.checkpoints.keep=99", "checkpoint_every=1"]

_BUILD = {"_target_": "inlay.cli.training.build"}
_SETTINGS = ["experiment=demo", "+loss.evil._target_=torch.utils.collect_env.run", "+loss.evil.command='touch trace'"]
_NETWORK = {"_target_": "inlay.models.PConvUNet", "levels": 4, "width": 4}
STRANGERS = [  # each of them once did damage, or could
    {"_target_": "os.mkdir", "path": "trace"},
    _BUILD | {"cfg": {"_target_": "inlay.cli.settings.compose_config", "settings": _SETTINGS}},
    {"_target_": "inlay.runs.folder.prepare_run_dir", "run_dir": "trace", "config": "text"},
    {"_target_": "inlay.runs.folder.archive_existing", "folder": {"_target_": "inlay.checkpoints.resolve_checkpoint"}},
    {"_target_": "hydra.utils.instantiate", "config": {"_target_": "os.mkdir", "path": "trace"}},
    {"_target_": "inlay.losses.r1_penalty", "_partial_": True},
    {"_target_": "inlay.models.PConvUNet.load_state_dict"},
    {"_target_": "inlay.models.pconv.nn.Linear"},
    _NETWORK | {"_args_": ["trace"]},
    _NETWORK | {"_recursive_": False},
    _NETWORK | {"_convert_": "all"},
    _NETWORK | {"_partial_": "yes"},
]


def after(run_dir, step):
    return weights(run_dir, f"step_{step:07d}")


def spoiled_picture(batch):
    batch["image"][0, :, 0, 0] = torch.nan
    batch["mask"][0, :, 0, 0] = 0
    return batch


def spoiled_loss(change):
    return lambda loss: Loss(change(loss.total), loss.terms)


WAYS = {
    "picture": (InpaintingData, "on_after_batch_transfer", spoiled_picture),
    "loss": (ReconstructionTask, "batch_loss", spoiled_loss(lambda x: x + math.inf)),  # with a finite gradient
    "gradient": (ReconstructionTask, "batch_loss", spoiled_loss(lambda x: x + (x - x.detach()).sqrt())),  # and no loss
    "generator": (TDANetTask, "generator_loss", spoiled_loss(lambda x: x * math.nan)),
    "discriminator": (TDANetTask, "discriminator_loss", spoiled_loss(lambda x: x * math.nan)),
}


def spoiling(monkeypatch, how, steps):
    """Let certain steps go wrong in one of these ways; returns the list of those that did."""
    (owner, name, spoiled), fired = WAYS[how], []
    inner = getattr(owner, name)

    def method(self, *arguments):
        answer, task = inner(self, *arguments), self.trainer.lightning_module
        if not task.trainer.training or task.global_step + 1 not in steps:
            return answer
        fired.append(task.global_step + 1)
        return spoiled(answer)

    monkeypatch.setattr(owner, name, method)
    return fired


@pytest.fixture
def spoil(monkeypatch):
    return partial(spoiling, monkeypatch)


@pytest.mark.parametrize("how", ["picture", "loss", "gradient"])
def test_faulty_step_changes_nothing_but_the_count(noise, tmp_path, spoil, how, caplog):
    fired = spoil(how, {3})
    with caplog.at_level(logging.WARNING):
        train(tmp_path, f"data.root={noise}", "iterations=4", "scheduler=cosine", *EVERY_STEP)
    assert fired
    assert "step 3 was skipped" in caplog.text
    before, skipped, next_one = (after(tmp_path, step) for step in (2, 3, 4))
    assert digest(before["state_dict"]) == digest(skipped["state_dict"])  # running statistics, too
    assert digest(before["optimizer_states"][0]["state"]) == digest(skipped["optimizer_states"][0]["state"])
    assert digest(skipped["state_dict"]) != digest(next_one["state_dict"])
    assert skipped["global_step"] == 3
    assert skipped["inlay"]["samples"] == 6
    assert all(value.isfinite().all() for value in next_one["state_dict"].values())
    assert math.isnan(metrics(tmp_path, "train/grad_norm")[2])


def test_run_with_a_fault_goes_on_like_one_without_that_step(noise, tmp_path, spoil):
    """Rates, order and draws of later steps are those of a run that had no fault."""
    for name, steps in (("sound", {}), ("faulty", {2})):
        spoil("loss", steps)
        train(tmp_path / name, f"data.root={noise}", "iterations=4", "scheduler=cosine", "optimizer.lr=0")
    for column in ("train/valid", "train/lr"):
        assert metrics(tmp_path / "faulty", column)[2:] == metrics(tmp_path / "sound", column)[2:]


@pytest.mark.parametrize("who", ["generator", "discriminator"])
def test_player_that_was_skipped_leaves_no_trace_whether_its_batch_is_kept_or_not(noise, tmp_path, spoil, who):
    spoil(who, {2, 3})
    settings = [f"data.root={noise}", *TDANET, "iterations=3", "callbacks.faults.keep=1", *EVERY_STEP]
    train(tmp_path, *settings, tiny=TINY_TEXT)
    assert len(list((tmp_path / "faults").glob("*.pt"))) == 1  # of two
    for before, later in pairwise(after(tmp_path, step)["state_dict"] for step in (1, 2, 3)):
        moved = {key.split(".")[0] for key in before if not torch.equal(before[key], later[key])}
        assert moved == {"discriminators"} if who == "generator" else {"net", "text"} <= moved
        assert all(value.isfinite().all() for value in later.values())


def test_run_that_was_ended_by_faults_goes_on_when_their_cause_is_gone(noise, tmp_path, spoil, monkeypatch):
    settings = [f"data.root={noise}", "iterations=4", "callbacks.faults.stop_after=2"]
    with monkeypatch.context() as patch:
        patch.setattr(ReconstructionTask, "batch_loss", _not_a_number)
        with pytest.raises(InlayError, match="2 steps in a row"):
            train(tmp_path, *settings)
    train(tmp_path, *settings, f"resume={tmp_path}/checkpoints/exception.ckpt", "task.gradient_clip=1.0")
    assert after(tmp_path, 4)["global_step"] == 4


def _not_a_number(task, batch):
    return Loss(task.net.decoder[0].conv.weight.sum() * math.nan, {})


@pytest.fixture(scope="module")
def faulty_run(noise, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        spoiling(patch, "picture", {2})
        train(folder, f"data.root={noise}", "iterations=2")
    return folder


class TestReplay:
    @pytest.fixture
    def file(self, faulty_run, tmp_path):
        shutil.copytree(faulty_run, tmp_path, symlinks=True, dirs_exist_ok=True)
        (file,) = (tmp_path / "faults").glob("*.pt")
        return file

    def replay(self, file, *settings):
        replay.run(str(file), list(settings))

    @pytest.fixture
    def change(self, file):

        def write(change):
            content = torch.load(file, weights_only=True)
            change(content)
            torch.save(content, file)

        return write

    def test_holds_pictures_and_shows_terms_gradients_and_the_first_layer(self, file, capsys):
        batch = torch.load(file, weights_only=True)["batch"]
        assert batch["image"].isnan().any()
        assert batch["mask"].shape == (2, 1, 32, 32)
        assert all(name.endswith(".png") for name in batch["id"])
        self.replay(file)
        said = capsys.readouterr().out
        assert "step 2, pictures: " in said
        assert "gradient not finite: net.encoder.0.conv.weight" in said
        assert "first module with an output that is not finite: net.encoder.0.conv" in said
        assert said.endswith("reproduced\n")

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            (lambda held: held["batch"]["image"].nan_to_num_(), "every term and gradient is finite here"),
            (lambda held: held["inlay"]["config"]["model"].update(width="${oc.env:HOME}"), "make no task"),
        ],
        ids=["nothing is wrong", "a name to be looked up"],
    )
    def test_says_what_it_cannot_do(self, file, change, changed, said):
        change(changed)
        with pytest.raises(InlayError, match=said):
            self.replay(file)

    @pytest.mark.stranger("A.1")
    @pytest.mark.parametrize(
        ("group", "asked"),
        [("model", asked) for asked in STRANGERS]
        + [(group, asked) for group in ("loss", "optimizer", "task") for asked in STRANGERS[:2]],
        ids=str,
    )
    def test_builds_no_stranger_and_calls_no_function(self, file, change, group, asked, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        change(lambda content: content["inlay"]["config"].update({group: asked}))
        with pytest.raises(InlayError, match="not to be trusted"):
            self.replay(file)
        assert not (tmp_path / "trace").exists()

    def test_takes_settings_of_the_run(self, file, capsys):
        self.replay(file, "task.accumulate=2")
        assert capsys.readouterr().out.endswith("reproduced\n")
        with pytest.raises(InlayError, match=r"model\.wdth"):
            self.replay(file, "model.wdth=4")

    def test_is_no_checkpoint_nor_the_other_way_round(self, file, noise):
        with pytest.raises(InlayError, match="holds weights and no run"):
            train(file.parents[1], f"data.root={noise}", f"resume={file}")
        with pytest.raises(InlayError, match="no replay file"):
            self.replay(file.parents[1] / "checkpoints/last.ckpt")


def test_too_many_in_a_row_end_the_run(noise, tmp_path, spoil):
    fired = spoil("picture", {2, 4, 5, 6})
    settings = ["iterations=9", "callbacks.faults.stop_after=3", "callbacks.faults.keep=2"]
    with pytest.raises(InlayError, match=r"3 steps in a row were not finite, the last one step 6.*inlay replay FILE"):
        train(tmp_path, f"data.root={noise}", *settings)
    assert fired == [2, 4, 5, 6]  # the one alone did not count
    kept = sorted(path.name for path in (tmp_path / "faults").glob("*.pt"))
    assert kept == ["step_0000002_rank0.pt", "step_0000004_rank0.pt"]
    content = weights(tmp_path, "exception")
    assert content["global_step"] == 6
    assert content["inlay"]["samples"] == 12
    assert all(value.isfinite().all() for value in content["state_dict"].values())


class TestSteps:
    def optimizer(self, *gradients):
        parameters = [torch.nn.Parameter(torch.ones(2)) for _ in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else torch.tensor(gradient)
        return torch.optim.SGD(parameters, lr=1.0), parameters

    def test_gradients_are_clipped_together_where_they_are_large(self):
        optimizer, parameters = self.optimizer([3.0, 0.0], [0.0, 4.0])
        assert clip_or_drop_gradients(optimizer, 1.0) == 5
        clipped = torch.stack([parameter.grad for parameter in parameters])
        torch.testing.assert_close(clipped, torch.tensor([[0.6, 0.0], [0.0, 0.8]]))
        optimizer, parameters = self.optimizer([0.3, 0.0], None)
        assert clip_or_drop_gradients(optimizer, 1.0) == pytest.approx(0.3)
        assert torch.equal(parameters[0].grad, torch.tensor([0.3, 0.0]))

    @pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
    def test_gradients_that_are_not_finite_are_taken_away(self, bad):
        optimizer, parameters = self.optimizer([1.0, 0.0], [0.0, bad])
        assert clip_or_drop_gradients(optimizer, None) is None
        assert all(parameter.grad is None for parameter in parameters)

    @pytest.mark.parametrize("more", [0.0, math.inf])
    def test_an_infinite_loss_poisons_every_gradient_and_a_finite_one_stays(self, more):
        x = torch.rand(3, requires_grad=True)
        total = x.square().sum() + more
        passed = propagate_nonfinite(total)
        passed.backward()
        assert x.grad.isnan().all() if more else torch.equal(passed, total) and torch.equal(x.grad, 2 * x.detach())


class Filled(InpaintingNetwork):
    """A network without batch norm, so that the parts of a batch do not see each other."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, masked, mask):
        return self.conv(torch.cat([masked, mask], dim=1))


@pytest.mark.parametrize("most", [None, 0.01])
def test_a_batch_in_parts_is_the_same_step(most):
    silence_warnings()
    batch = {"image": torch.rand(4, 3, 8, 8), "mask": (torch.rand(4, 1, 8, 8) > 0.5).float(), "id": list("abcd")}
    start, ends = Filled().state_dict(), []
    for parts in (1, 4):
        task = ReconstructionTask(
            Filled(), instantiate(configure("loss=pixel", "data.root=none").loss), config={},
            optimizer=partial(torch.optim.SGD, lr=0.5), gradient_clip=most, accumulate=parts,
            scheduler=partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
        )  # fmt: skip
        task.net.load_state_dict(start)
        quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
        trainer = pl.Trainer(accelerator="cpu", max_steps=2, logger=False, limit_val_batches=0, **quiet)
        trainer.fit(task, *2 * [DataLoader([batch] * 2, batch_size=None)])
        ends.append(task.net.state_dict())
    torch.testing.assert_close(*ends)
    assert not torch.equal(ends[0]["conv.weight"], start["conv.weight"])


@pytest.mark.parametrize(
    ("setting", "ours"), [("gradient_clip_val=1.0", "gradient_clip"), ("accumulate_grad_batches=2", "accumulate")]
)
def test_what_the_trainer_would_count_otherwise_is_refused(noise, tmp_path, setting, ours):
    with pytest.raises(InlayError, match=f"Set task.{ours} instead"):
        train(tmp_path, f"data.root={noise}", f"+trainer.{setting}")
