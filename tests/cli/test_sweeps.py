"""Sweeps: every trial leaves a record, the table and the plot are made of the records, a study goes on."""

import csv
import json
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf, read_write

from inlay.cli import trials
from inlay.cli.sweeps import PLOT, TABLE, SweepSummary, ranked, summarize
from inlay.cli.trials import read, recorded, varied
from inlay.errors import InlayError, Preempted
from inlay.images import read_picture
from tests.composing import with_hydra as composed
from tests.conftest import ROOT
from tests.training import TINY

GIVEN = ["optimizer.lr=0.001", "seed=1"]
WRAPPED = RuntimeError("Error in call to target 'x'\nfull_key: data")
WRAPPED.__cause__ = InlayError("no such file")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Collecting garbage takes long where PyTorch is loaded, and there is none."""
    monkeypatch.setattr("inlay.cli.trials.gc.collect", lambda: None)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def result(folder):
    return json.loads((folder / "result.json").read_text())


def fail(error):
    raise error


class TestTrial:
    def test_leaves_its_value_and_settings(self, tmp_path):
        seen = []
        assert recorded(lambda: seen.append(names(tmp_path)) or 21.5, tmp_path, GIVEN) == 21.5
        assert seen == [["unfinished.json"]]  # what a killed trial would leave
        assert names(tmp_path) == ["result.json"]
        record = result(tmp_path)
        assert record.pop("seconds") >= 0
        assert record.pop("started").startswith("20")
        assert record == {"status": "completed", "value": 21.5, "error": None, "overrides": GIVEN}

    @pytest.mark.parametrize(
        ("end", "line"),
        [
            (InlayError("levels must be <= 5, got 9.\nTake fewer."), "InlayError: levels must be <= 5, got 9."),
            (RuntimeError("CUDA out of memory"), "RuntimeError: CUDA out of memory"),
            (KeyError(), "KeyError"),
            (ValueError("Original Traceback (most recent call last):\nBadFile: a.png: odd"), "BadFile: a.png: odd"),
            (WRAPPED, "InlayError: no such file"),
            *((value, f"the monitored metric ended as {value}") for value in (float("nan"), float("inf"), None)),
        ],
        ids=str,
    )  # fmt: skip
    def test_that_fails_or_has_no_value_is_recorded_and_survived(self, end, line, tmp_path, capsys):
        broken = isinstance(end, Exception)
        assert recorded(lambda: fail(end) if broken else end, tmp_path, GIVEN) is None
        record = result(tmp_path)
        assert (record["status"], record["value"], record["error"]) == ("failed", None, line)
        assert not broken or "in fail\n    raise error\n" in (tmp_path / "error.txt").read_text()
        assert capsys.readouterr().err == f"error: the trial in {tmp_path} failed: {line}\n"

    @pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(), Preempted("SIGTERM")], ids=repr)
    def test_that_is_interrupted_stops_the_sweep_and_is_unfinished(self, stop, tmp_path):
        with pytest.raises(type(stop)):
            recorded(lambda: fail(stop), tmp_path, GIVEN)
        assert [trial.status for trial in read(tmp_path)] == ["unfinished"]

    def test_sets_an_earlier_one_aside(self, tmp_path):
        recorded(lambda: fail(ValueError("first")), tmp_path, GIVEN)
        (tmp_path / "checkpoints").mkdir()
        recorded(lambda: 1.0, tmp_path, GIVEN)
        assert names(tmp_path) == ["earlier", "result.json"]
        assert names(tmp_path / "earlier/1") == ["checkpoints", "error.txt", "result.json"]
        assert [trial.status for trial in read(tmp_path)] == ["failed", "completed"]


def ended(folder, value, overrides, resume=None):
    """A trial that ended with a value and left a checkpoint; None: that failed, and "killed": that was killed."""
    with suppress(KeyboardInterrupt):
        recorded(lambda: fail(KeyboardInterrupt()) if value == "killed" else value, folder, overrides, resume)
    (folder / "checkpoints").mkdir(exist_ok=True)


@pytest.mark.stranger("B.10")
class TestGoingOn:
    """``resume=`` in a sweep: done trials are skipped, others go on, and nothing moves before that is known."""

    @pytest.fixture
    def job(self, tmp_path, monkeypatch):
        """Run the trial of one setting as Hydra does; what training was asked for, if it was."""

        def run(overrides, resume):
            job = SimpleNamespace(runtime=SimpleNamespace(output_dir=str(tmp_path)), overrides=SimpleNamespace())
            job.overrides.task = overrides
            monkeypatch.setattr("inlay.cli.trials.HydraConfig.get", lambda: job)
            asked, cfg = [], OmegaConf.create({"run_dir": "", "resume": resume})
            return trials.run(cfg, lambda cfg: asked.append(cfg) or 2.0), len(asked)

        return run

    @pytest.mark.parametrize("resume", ["auto", "last"])
    def test_a_completed_trial_is_skipped_and_said(self, job, resume, tmp_path, capsys):
        ended(tmp_path, 21.5, GIVEN)
        assert job([*GIVEN, f"resume={resume}", "run_dir=elsewhere"], resume) == (21.5, 0)
        assert "this trial is completed, with 21.5" in capsys.readouterr().out
        assert names(tmp_path) == ["checkpoints", "result.json"]

    @pytest.mark.parametrize(
        ("value", "before", "resume", "place"),
        [
            (21.5, GIVEN, "null", "earlier/1/checkpoints"),
            (21.5, ["seed=2"], "auto", "earlier/1/checkpoints"),
            ("killed", GIVEN, "auto", "checkpoints"),
            (None, GIVEN, "auto", "checkpoints"),
            ("killed", GIVEN, "null", "checkpoints"),
            ("killed", ["seed=2"], "null", "earlier/1/checkpoints"),
        ],
        ids=["anew", "another trial", "killed", "failed", "killed, without resume", "another was killed"],
    )
    def test_what_is_trained_again_keeps_its_checkpoints_or_sets_them_aside(
        self, job, tmp_path, value, before, resume, place
    ):
        ended(tmp_path, value, before)
        assert job([*GIVEN, f"resume={resume}"], None if resume == "null" else resume) == (2.0, 1)
        assert [folder.relative_to(tmp_path).as_posix() for folder in tmp_path.rglob("checkpoints")] == [place]
        *earlier, last = read(tmp_path)
        assert (len(earlier), last.status) == (0 if (value, before) == ("killed", GIVEN) else 1, "completed")

    def test_another_trial_is_refused_by_last_before_anything_moves(self, job, tmp_path):
        ended(tmp_path, 21.5, ["seed=2"])
        with pytest.raises(InlayError, match=r"holds the trial seed=2, not this one. Give resume=auto"):
            job([*GIVEN, "resume=last"], "last")
        assert names(tmp_path) == ["checkpoints", "result.json"]


def test_preemption_is_handed_over_to_the_launcher_and_for_good_it_is_a_failure(tmp_path):
    heard = []
    earlier = signal.signal(signal.SIGUSR2, lambda number, frame: heard.append(number))
    try:
        with pytest.raises(Preempted):
            recorded(lambda: fail(Preempted("SIGTERM")), tmp_path, GIVEN)
        assert heard == [signal.SIGUSR2]
        assert [trial.status for trial in read(tmp_path)] == ["unfinished"]
        signal.signal(signal.SIGUSR2, lambda number, frame: fail(RuntimeError("timed-out too many times")))
        assert recorded(lambda: fail(Preempted("SIGUSR2")), tmp_path, GIVEN) is None
    finally:
        signal.signal(signal.SIGUSR2, earlier)
    assert result(tmp_path)["error"] == "RuntimeError: timed-out too many times"


def made_up(folder, started, value, *overrides, error=None, status=None):
    folder.mkdir(parents=True, exist_ok=True)
    status = status or ("failed" if value is None else "completed")
    record = {"status": status, "value": value, "error": error, "overrides": overrides, "seconds": 61.2}
    name = "unfinished.json" if status == "unfinished" else "result.json"
    (folder / name).write_text(json.dumps(record | {"started": f"2026-01-0{started}"}))


@pytest.fixture
def sweep(tmp_path):
    """Of two invocations: a number over decades, a choice, a constant; one failed, one killed."""
    folder = tmp_path / "sweep"
    made_up(folder / "0/earlier/1", 1, 20.25, "optimizer.lr=0.00012345678901", "scheduler=cosine", "iterations=5")
    made_up(folder / "1", 2, None, "optimizer.lr=0.01", "scheduler=constant", "iterations=5", error="KeyError: [lr]")
    made_up(folder / "0", 3, 22.5, "optimizer.lr=0.002", "scheduler=constant", "iterations=5")
    made_up(folder / "2", 4, None, "optimizer.lr=0.02", "scheduler=cosine", "iterations=5", status="unfinished")
    return folder


class TestSummary:
    def test_reads_every_invocation_in_order_and_finds_what_varied(self, sweep):
        found = read(sweep)
        assert [trial.folder.relative_to(sweep).as_posix() for trial in found] == ["0/earlier/1", "1", "0", "2"]
        assert varied(found) == ["optimizer.lr", "scheduler"]

    def test_prints_the_best_first_and_what_failed_and_writes_all_settings(self, sweep, capsys):
        summarize(ranked(read(sweep)), sweep, "val/psnr_hole")
        lines = capsys.readouterr().out.splitlines()
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
        assert rows == [
            ["0", "22.5", "61", "0.002", "constant"],
            ["0/earlier/1", "20.25", "61", "0.0001235", "cosine"],
            ["1", "failed", "61", "0.01", "constant"],
            ["2", "unfinished", "61", "0.02", "cosine"],
        ]
        assert lines[-3] == f"{sweep / '1'} failed: KeyError: [lr]"
        assert lines[-2].startswith("2 completed, 1 failed, 1 unfinished. ")
        assert lines[-1] == f"Best val/psnr_hole: 22.5, {sweep / '0/checkpoints/best.ckpt'}"
        with (sweep / TABLE).open() as file:
            rows = list(csv.DictReader(file))
        assert [row["trial"] for row in rows] == ["0", "0/earlier/1", "1", "2"]
        assert [row["value"] for row in rows] == ["22.5", "20.25", "", ""]
        assert rows[1]["optimizer.lr"] == "0.00012345678901"
        assert {row["iterations"] for row in rows} == {"5"}
        assert rows[2]["error"] == "KeyError: [lr]"
        height, width = read_picture(sweep / PLOT).size
        assert width / height == pytest.approx(3 * 4.2 / 3.4, rel=0.01)

    def test_puts_numbers_on_axes_that_suit_them(self, sweep, monkeypatch):
        from matplotlib.figure import Figure

        drawn = []
        monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **kwargs: drawn.append(figure))
        summarize(ranked(read(sweep)), sweep, "val/psnr_hole")
        progress, rate, scheduler = drawn[0].axes
        assert list(progress.lines[0].get_ydata()) == [20.25, 20.25, 22.5, 22.5]  # best so far
        assert (rate.get_xlabel(), rate.get_xscale()) == ("optimizer.lr", "log")
        assert [label.get_text() for label in scheduler.get_xticklabels()] == ["constant", "cosine"]
        values, _, missing = rate.collections
        assert sorted(values.get_offsets().tolist()) == [[0.00012345678901, 20.25], [0.002, 22.5]]
        assert [x for x, _ in missing.get_offsets()] == [0.01, 0.02]

    def test_of_nothing_and_of_failures_alone(self, tmp_path, capsys):
        summarize([], tmp_path, "val/psnr_hole")
        assert capsys.readouterr().out == f"No trial left a record in {tmp_path}.\n"
        made_up(tmp_path / "0", 1, None, "seed=0", error="ValueError: bad")
        summarize(read(tmp_path), tmp_path, "val/psnr_hole")
        assert "1 failed" in capsys.readouterr().out.splitlines()[-1]
        assert (tmp_path / PLOT).exists()


METRICS = {"_target_": "inlay.metrics.InpaintingMetrics"}


class TestCallback:
    @pytest.fixture
    def config(self, tmp_path):
        return OmegaConf.create(
            {
                "monitor": "val/psnr_hole",
                **dict.fromkeys(("monitor_mode", "resume")),
                "task": {"_target_": "inlay.tasks.ReconstructionTask", "metrics": METRICS},
                "trainer": {"log_every_n_steps": 1},
                **dict.fromkeys(("seed", "iterations", "validate_every", "checkpoint_every"), 1),
                "hydra": {"sweep": {"dir": str(tmp_path / "sweep")}, "sweeper": {"sampler": {"seed": 7}}},
            },
            flags={"readonly": True},
        )

    def run(self, config, *values):
        summary = SweepSummary()
        summary.on_multirun_start(config)
        for number, value in enumerate(values):
            recorded(lambda value=value: value, Path(config.hydra.sweep.dir) / str(number), [f"seed={number}"])
        summary.on_multirun_end(config)

    def test_ends_with_a_status_where_all_trials_failed(self, config, tmp_path, capsys):
        self.run(config, 1.0, None)
        assert "1 completed, 1 failed." in capsys.readouterr().out
        assert (tmp_path / "sweep" / PLOT).exists()
        with pytest.raises(SystemExit, match="1"):
            self.run(config, None)
        printed = capsys.readouterr()
        assert "1 completed, 2 failed." in printed.out
        assert printed.err.endswith("error: no trial of this sweep completed.\n")

    @pytest.mark.stranger("B.11")
    def test_searches_and_lists_downward_where_lower_is_better(self, config, tmp_path, capsys):
        with read_write(config):
            config.monitor, config.hydra.sweeper.direction = "val/l1", "maximize"
        self.run(config, 0.25, 0.125)
        assert config.hydra.sweeper.direction == "minimize"
        assert f"Best val/l1: 0.125, {tmp_path / 'sweep/1'}" in capsys.readouterr().out

    @pytest.mark.stranger("B.11")
    def test_of_an_unknown_metric_ends_before_the_first_trial(self, config, capsys):
        with read_write(config):
            config.monitor = "val/beauty"
        with pytest.raises(SystemExit):
            SweepSummary().on_multirun_start(config)
        assert "error: monitor=val/beauty is not measured. Choose one of: val/l1, " in capsys.readouterr().err

    @pytest.mark.stranger("B.10")
    def test_a_search_that_goes_on_draws_other_points_and_trials_that_were_skipped_are_its_own(self, config):
        self.run(config, 1.0, 2.0)
        assert config.hydra.sweeper.sampler.seed == 7
        self.run(config, 3.0)
        assert config.hydra.sweeper.sampler.seed == 9
        self.run(OmegaConf.merge(config, {"resume": "auto"}))

    def test_a_sweep_that_stops_early_ends_with_the_table(self, config, monkeypatch):
        monkeypatch.setattr("atexit.register", (waiting := []).append)
        (summary := SweepSummary()).on_multirun_start(config)
        assert waiting == [summary._sum_up]


class TestConfigurations:
    @pytest.mark.parametrize("experiment", ["demo", "pconv_folder"])
    def test_a_search_is_of_settings_that_exist_in_a_folder_that_the_next_one_finds_again(self, experiment):
        cfg = composed("hparams_search=pconv_optuna", f"experiment={experiment}")
        for key in cfg.hydra.sweeper.params:
            assert key == "scheduler" or OmegaConf.select(cfg, key) is not None
        for name in ("constant", "cosine", "one_cycle"):
            assert name in cfg.hydra.sweeper.params.scheduler
            assert (ROOT / f"conf/scheduler/{name}.yaml").exists()
        assert cfg.hydra.sweep.dir == f"outputs/sweeps/{experiment}_optuna"
        assert cfg.hydra.sweeper.storage == f"sqlite:///outputs/sweeps/{experiment}_optuna/study.db"
        assert composed("hparams_search=pconv_optuna", "run_dir=mine").hydra.sweep.dir == "mine"

    def test_sweeps_need_no_flag_and_slurm_starts_a_process_for_each_device(self):
        cfg = composed("launcher=slurm", "trainer.devices=4")
        assert (cfg.hydra.launcher.tasks_per_node, cfg.hydra.launcher.gpus_per_node, cfg.resume) == (4, 4, "auto")
        for sweep in (cfg, composed("hparams_search=pconv_optuna"), composed("hparams_search=pconv_grid")):
            assert sweep.hydra.mode.name == "MULTIRUN"
        assert composed().hydra.mode is None


@pytest.mark.filterwarnings("ignore:.*Deprecated API features detected")  # what Optuna 2 asks of SQLAlchemy 1.4
class TestSweeping:
    """The real thing, on tiny data."""

    @pytest.mark.slow
    def test_a_study_survives_a_failing_trial_and_continues(self, tmp_path, picture_folder, monkeypatch, capsys):
        root, entry = logging.getLogger(), import_module("inlay.cli.train")
        monkeypatch.setattr(root, "handlers", list(root.handlers))  # logging is left as it was
        monkeypatch.setattr(root, "level", root.level)
        trained, train = [], entry.train

        def second_fails(cfg):
            trained.append(cfg.optimizer.lr)
            return fail(InlayError("injected")) if len(trained) % 2 == 0 else train(cfg)

        monkeypatch.setattr(entry, "train", second_fails)
        settings = [f"data.root={picture_folder}", f"run_dir={tmp_path}", "hydra.sweeper.n_trials=2", "callbacks=plain"]
        monkeypatch.setattr("sys.argv", ["train.py", *TINY, "hparams_search=pconv_optuna", *settings])
        for done in (2, 4):
            GlobalHydra.instance().clear()
            entry.main()
            assert len(trained) == done
            assert f"{done // 2} completed, {done // 2} failed." in capsys.readouterr().out
        import optuna

        (study,) = optuna.get_all_study_summaries(f"sqlite:///{tmp_path / 'study.db'}")
        trials = optuna.load_study(study.study_name, f"sqlite:///{tmp_path / 'study.db'}").trials
        assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE", "FAIL"]
        assert len(set(trained)) == 4  # it went on with other points
        values = {trial.value for trial in read(tmp_path) if trial.value is not None}
        assert values == {trial.value for trial in trials if trial.value is not None}
        best = ranked(read(tmp_path))[0]
        assert (best.folder / "checkpoints/best.ckpt").exists()
        with (tmp_path / TABLE).open() as file:
            assert len(list(csv.DictReader(file))) == 4

    @pytest.mark.slow
    def test_where_every_trial_fails_the_table_is_printed_all_the_same(self, tmp_path):
        search = ["hparams_search=pconv_optuna", "hydra.sweeper.n_trials=1", "data.root=nowhere", f"run_dir={tmp_path}"]
        command = [sys.executable, "train.py", "-m", *TINY, *search]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 1
        assert "1 failed." in done.stdout
        assert re.search(r"^error: the trial in .*/0 failed: \w+: .*nowhere", done.stderr, re.MULTILINE)

    @pytest.mark.slow
    def test_slurm_runs_trials_and_one_that_is_preempted_goes_on(self, cluster, tmp_path, picture_folder):
        settings = ["launcher=slurm", "model.levels=4,0", "iterations=300", "validate_every=20", "callbacks=plain"]
        folder = tmp_path / "sweep"
        command = [sys.executable, "train.py", "-m", *TINY, *settings, f"data.root={picture_folder}"]
        sweep = subprocess.Popen(
            [*command, f"run_dir={folder}"], cwd=ROOT, env=cluster.environment, stdout=subprocess.PIPE, text=True
        )
        try:
            end = time.monotonic() + 120
            while not list(folder.glob("0/checkpoints/*.ckpt")):
                assert time.monotonic() < end, "waited too long"
                time.sleep(0.2)
            os.kill(int((cluster.folder / "pid.0").read_text()), signal.SIGUSR2)
            printed, _ = sweep.communicate(timeout=200)
        finally:
            sweep.kill()
            sweep.wait()
            sweep.stdout.close()
        assert (cluster.folder / "requeued").read_text() == "requeue 7_0\n"
        assert sweep.returncode == 0
        assert "1 completed, 1 failed." in printed
        assert re.search(r"resume: .*, after [1-9]\d* iterations", (cluster.folder / "log.0").read_text())
        assert "--ntasks-per-node=1\n" in (cluster.folder / "script").read_text()


@pytest.fixture
def cluster(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    commands = {
        "sbatch": r"""
            cp "$1" $CLUSTER/script
            for task in $(seq 0 $(sed -n 's/^#SBATCH --array=0-\([0-9]*\)%.*/\1/p' "$1")); do start $task; done
            echo "Submitted batch job 7" """,
        "start": """
            export SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_JOB_NUM_NODES=1
            export SLURM_JOB_NODELIST=localhost SLURM_JOB_ID=$((7 + $1)) SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$1
            nohup bash $CLUSTER/script > $CLUSTER/log.$1 2>&1 < /dev/null &""",
        "srun": """
            echo $$ > $CLUSTER/pid.$SLURM_ARRAY_TASK_ID
            shift 5  # --unbuffered --output FILE --error FILE
            exec "$@" """,
        "sacct": """
            echo "JobID|State|NodeList"; for task in 0 1; do echo "7_$task|RUNNING|localhost"; done""",
        "scontrol": """
            echo "$@" >> $CLUSTER/requeued
            (while kill -0 $(cat $CLUSTER/pid.$SLURM_ARRAY_TASK_ID); do sleep 0.2; done
             start $SLURM_ARRAY_TASK_ID) > /dev/null 2>&1 &""",
    }
    for name, lines in commands.items():
        (folder / name).write_text(f"#!/bin/bash\n{textwrap.dedent(lines)}\n")
        (folder / name).chmod(0o755)
    environment = {"CLUSTER": str(folder), "PATH": f"{folder}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    return SimpleNamespace(folder=folder, environment=os.environ | environment)
