"""Runs from configuration to checkpoint, through train.py's own function."""

import csv
import json
import os
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest
import torch

from inlay import checkpoints
from inlay.errors import InlayError
from inlay.fillers import NetworkFiller
from inlay.images import Picture, write_picture
from inlay.metrics import InpaintingMetrics
from inlay.models.base import InpaintingNetwork
from inlay.runs.checks import check_sweep
from inlay.runs.folder import prepare_run_dir
from inlay.tasks import ReconstructionTask
from inlay.tasks.base import higher_is_better
from tests.conftest import ROOT
from tests.kills import digest, remains
from tests.models.model_tester import scene
from tests.processes import GROUP
from tests.processes import run as run_process
from tests.training import TINY, metrics, train, weights

GOLDEN = ROOT / "tests/golden/pconv_20_steps.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[0:48, 0:48] / 48
    for number in range(6):
        waves = [np.sin(2 * np.pi * (x * (number + 1) + y * k)) * 0.5 + 0.5 for k in range(3)]
        write_picture(root / f"{number}.png", Picture((np.stack(waves, axis=2) * 255).astype(np.uint8)))
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("run")
    score = train(run_dir, f"data.root={folder}")
    assert score == pytest.approx(max(metrics(run_dir, "val/psnr_hole")), rel=1e-6)  # the monitored metric
    return run_dir


def test_run_leaves_what_was_promised_and_a_checkpoint_of_plain_data_alone_rebuilds_the_network(run):
    present = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert {"config.yaml", "metrics.csv", "checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= present
    assert {"grids/step_000002.png", "grids/step_000004.png"} <= present
    checkpoint, net = weights(run), checkpoints.build_network(run / "checkpoints/last.ckpt")
    assert checkpoint["inlay"]["config"]["model"]["_target_"] == "inlay.models.PConvUNet"
    assert not net.training
    named = {f"net.{key}": value for key, value in net.state_dict().items()}
    assert checkpoint["state_dict"].keys() == named.keys()
    assert all(torch.equal(value, named[key]) for key, value in checkpoint["state_dict"].items())


def columns(run):
    with (run / "metrics.csv").open() as file:
        return next(csv.reader(file))


@pytest.mark.stranger("B.11")
def test_all_that_validation_logs_says_which_way_it_is_better(run):
    declared = {f"val/{score.name}" for score in InpaintingMetrics.scores}
    assert all(name in declared or name.startswith("val/pictures/") for name in columns(run) if name.startswith("val/"))
    assert not higher_is_better("val/l1_hole/10-20", ReconstructionTask, InpaintingMetrics)


@pytest.mark.stranger("B.11")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["data.batch_size=4", "task.accumulate=3"], r"task.accumulate=3 must divide the 4 samples"),
        (["data.batch_size=3", "trainer=ddp_cpu"], r"data.batch_size=3 must be divisible by the 2 processes"),
    ],
)
def test_a_batch_that_cannot_be_shared_out_is_refused_before_the_run(tmp_path, folder, settings, said):
    with pytest.raises(InlayError, match=said):
        train(tmp_path / "run", f"data.root={folder}", *(s for s in TINY if s != "trainer=cpu"), *settings, tiny=[])
    assert not (tmp_path / "run").exists()


def test_logs_every_term_and_metric(run):
    """By hole ratio, too: strokes of 10 to 40 % fill three buckets at most, whose pictures are all there are."""
    loss, valid, hole, tv = (np.array(metrics(run, f"train/{name}")) for name in ("loss", "valid", "hole", "tv"))
    np.testing.assert_allclose(loss, valid + 6 * hole + 0.1 * tv, rtol=1e-5)  # the weighted sum
    assert len(loss) == len(metrics(run, "train/lr")) == 4
    counted = [column.rpartition("/")[2] for column in columns(run) if column.startswith("val/pictures/")]
    assert {*counted} <= {"10-20", "20-30", "30-40"}
    pictures = (run / "val_items.csv").read_text().count("\n") - 1
    assert sum(metrics(run, f"val/pictures/{bucket}")[-1] for bucket in counted) == pictures > 0
    for name in ("psnr", "psnr_hole", "ssim", "ssim_hole", "l1", "l1_hole"):
        assert all(len(metrics(run, f"val/{name}{bucket}")) == 2 for bucket in ("", *(f"/{b}" for b in counted)))


def test_training_learns(folder, tmp_path):
    train(tmp_path, f"data.root={folder}", "iterations=60", "validate_every=60", "optimizer.lr=5e-3")
    loss = metrics(tmp_path, "train/loss")
    assert np.mean(loss[-10:]) < 0.6 * np.mean(loss[:10])


@pytest.mark.parametrize(
    ("workers", "first"),
    [pytest.param(0, 10, marks=pytest.mark.slow), pytest.param(2, 10, marks=pytest.mark.slow), (0, 7)],
    ids=["", "workers", "between validations"],
)
def test_resumed_run_ends_on_the_same_bits(folder, tmp_path, workers, first):
    common = [f"data.root={folder}", f"data.num_workers={workers}", "validate_every=5", "data.batch_size=4"]
    train(tmp_path / "whole", *common, "iterations=20")
    train(tmp_path / "halves", *common, f"iterations={first}")
    train(tmp_path / "halves", *common, "iterations=20", "resume=last")
    whole, halves = remains(tmp_path / "whole"), remains(tmp_path / "halves")
    assert whole["global_step"] == digest(20)
    assert all(whole[part] == halves[part] for part in ("state_dict", "optimizer_states", "global_step", "metrics"))


def test_loss_curve_is_the_golden_one(folder, tmp_path):
    """Recorded by running this test with INLAY_RECORD_GOLDEN=1. A refactor leaves it alone.

    It is of the loss as it was when recorded, with hole and valid pixels in [0, 1].
    """
    settings = "iterations=20", "validate_every=20", "loss=pconv_rgb", "loss.extractors.vgg.weights=random"
    train(tmp_path, f"data.root={folder}", *settings)
    curve = metrics(tmp_path, "train/loss")
    if os.environ.get("INLAY_RECORD_GOLDEN"):
        GOLDEN.write_text(json.dumps(curve) + "\n")
    np.testing.assert_allclose(curve, json.loads(GOLDEN.read_text()), rtol=2e-3)


def test_earlier_runs_and_configs_in_the_same_folder_are_kept_unless_a_setting_is_wrong(folder, tmp_path):
    data = f"data.root={folder}"
    with pytest.raises(InlayError, match="resume=last: no checkpoint at"):
        train(tmp_path, data, "resume=last")
    train(tmp_path, data, "iterations=2")
    before = (tmp_path / "checkpoints/last.ckpt").read_bytes()
    with pytest.raises(InlayError, match="no such checkpoint"):
        train(tmp_path, data, "init_from=nowhere.ckpt")
    assert not (tmp_path / "earlier").exists()
    train(tmp_path, data, "iterations=2", "seed=1")
    assert (tmp_path / "earlier/1/checkpoints/last.ckpt").read_bytes() == before
    assert len(metrics(tmp_path, "train/loss")) == 2
    train(tmp_path, data, "iterations=4", "seed=1", "resume=last")
    assert "iterations: 2" in (tmp_path / "earlier/2/config.yaml").read_text()
    assert "iterations: 4" in (tmp_path / "config.yaml").read_text()


def test_missing_values_and_parts_that_the_recipe_has_no_use_for_are_named(tmp_path):
    with pytest.raises(InlayError, match=r"give data.root=\.\.\. on the command line"):
        train(tmp_path)
    for group, choice in (("discriminator", "residual"), ("text_image", "clip"), ("discriminator_optimizer", "adam")):
        part = f"optimizer@{group}" if group.endswith("optimizer") else group
        with pytest.raises(InlayError, match=f"{group}= does nothing"):
            train(tmp_path, "data.root=pictures", f"{part}={choice}")
    with pytest.raises(InlayError, match=r"teacher= does nothing.*loss=distill"):
        train(tmp_path, "data.root=pictures", "teacher=some.ckpt")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("trainer", ["gpu", "ddp", "fsdp"])
def test_accelerator_that_is_not_there_is_named_on_one_line(folder, tmp_path, trainer):
    tiny = [f"trainer={trainer}" if setting == "trainer=cpu" else setting for setting in TINY]
    with pytest.raises(InlayError, match=r"cannot be had here: .* trainer=cpu works anywhere"):
        train(tmp_path, f"data.root={folder}", tiny=tiny)


def test_init_from_starts_from_the_weights_and_reports_every_key(run, folder, tmp_path, capsys):
    start = f"init_from={run / 'checkpoints/last.ckpt'}"
    train(tmp_path / "a", f"data.root={folder}", start, "optimizer.lr=0", "model.freeze_encoder_bn=true")
    report, state, now = capsys.readouterr().out, weights(run)["state_dict"], weights(tmp_path / "a")["state_dict"]
    assert f"{len(state)} keys loaded" in report
    assert "  decoder.0.conv.weight\n" in report
    assert "0 keys missing\n0 keys unexpected\n0 keys mismatched" in report
    assert all(torch.equal(v, now[k]) for k, v in state.items() if "conv" in k or "encoder" in k)
    train(tmp_path / "b", f"data.root={folder}", start, "model.width=5", "iterations=2")
    assert "decoder.3.conv.weight: (3, 7, 3, 3) there, (3, 8, 3, 3) here" in capsys.readouterr().out
    with pytest.raises(InlayError, match="no weight fits"):
        checkpoints.load_matching_weights(run / "checkpoints/last.ckpt", torch.nn.Linear(2, 3))


class TestUntrustedCheckpoints:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            *(({"_target_": target}, "not an allowed network") for target in ("inlay.models.Nothing", 7)),
            *(({"width": width}, "do not fit") for width in ("${oc.create:{_target_:os.getpid}}", 5)),
        ],
        ids=str,
    )
    def test_settings_call_nothing_and_must_fit(self, run, tmp_path, monkeypatch, settings, said):
        checkpoint, called = weights(run), []
        checkpoint["inlay"]["config"]["model"] |= settings
        torch.save(checkpoint, tmp_path / "spoiled.ckpt")
        monkeypatch.setattr(os, "getpid", lambda: called.append(1))
        with pytest.raises(InlayError, match=said):
            checkpoints.build_network(tmp_path / "spoiled.ckpt")
        assert not called

    def test_other_files_are_said_to_be_none_or_damaged_or_to_hold_code(self, run, tmp_path):
        path, whole = tmp_path / "other.ckpt", (run / "checkpoints/last.ckpt").read_bytes()
        for keep in (0, 10, 1000):
            path.write_bytes(whole[:keep])
            with pytest.raises(InlayError, match="not a readable checkpoint"):
                checkpoints.read(path)
        for state, said in (({}, "not a checkpoint of Inlay"), (os.getcwd, "damaged or holds code")):
            torch.save({"state_dict": state}, path)
            with pytest.raises(InlayError, match=said):
                checkpoints.read(path)


def entry(arguments):
    """What ``python train.py`` does."""
    sys.argv = ["train.py", *arguments]
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")


class TestEntry:
    """train.py as a process."""

    @GROUP
    def test_shows_progress_and_the_loss_terms(self, folder, tmp_path):
        log = tmp_path / "log"
        assert run_process(log, entry, [f"data.root={folder}", f"run_dir={tmp_path / 'run'}", *TINY]) == 0
        assert re.search(r"training: 100%.*4/4.*loss=.*valid=.*hole=.*tv=", said := log.read_text())
        assert "Warning" not in said

    @GROUP
    def test_a_damaged_picture_ends_the_run_with_one_line_that_names_it(self, tmp_path):
        for number in range(3):
            (tmp_path / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        given = [f"data.root={tmp_path}", f"run_dir={tmp_path / 'run'}", *TINY, "data.num_workers=2"]
        assert run_process(tmp_path / "log", entry, given) == 1
        said = (tmp_path / "log").read_text()
        assert re.search(rf"^error: {tmp_path}/\d\.png: .*$", said, re.MULTILINE)
        assert "Traceback" not in said

    @pytest.mark.slow
    def test_every_job_of_a_sweep_has_a_folder_of_its_own(self, folder, tmp_path):
        command = [sys.executable, "train.py", "-m", "seed=0,1", f"data.root={folder}", f"run_dir={tmp_path}", *TINY]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=250)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        assert all(weights(tmp_path / f"{seed}")["inlay"]["config"]["seed"] == seed for seed in (0, 1))


@pytest.mark.parametrize("variable", ["LOCAL_RANK", "RANK", "SLURM_PROCID"])
def test_other_processes_leave_the_run_folder_alone(tmp_path, monkeypatch, variable):
    (tmp_path / "metrics.csv").touch()
    monkeypatch.setenv(variable, "1")
    prepare_run_dir(str(tmp_path), "seed: 0")
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_no_network_is_shown_what_is_under_the_mask():
    """Contract 2, where it is kept: in the task and in the filler."""
    seen = []

    class Recorder(InpaintingNetwork):
        def forward(self, masked, mask):
            seen.append(masked)
            return torch.zeros_like(masked)

    image, mask = scene((16, 16))
    poisoned = image.masked_fill(mask > 0, float("nan"))
    task = ReconstructionTask(Recorder(), None, optimizer=None, scheduler=None, config={})
    task.fill({"image": poisoned, "mask": mask, "id": ["a", "b"]})
    NetworkFiller(Recorder()).fill(poisoned, mask)
    assert len(seen) == 2
    assert all(torch.equal(masked, image.masked_fill(mask > 0, 0)) for masked in seen)


@pytest.mark.parametrize("devices", [2, -1, "auto"])
def test_sweeps_over_several_devices_are_refused(devices):
    check_sweep(1)
    with pytest.raises(InlayError, match="every process would run the whole sweep"):
        check_sweep(devices)
