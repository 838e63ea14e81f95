"""Dashboards get everything, lose nothing on resume, and can do a run no harm."""

import csv
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from inlay.callbacks import MetricsCSV, PerSampleMetrics, Throughput
from inlay.callbacks.mlflow_run import MLflowRun
from inlay.callbacks.wandb_run import WandbRun
from inlay.errors import InlayError
from tests.training import train

PARTS = [
    "++callbacks.speed._target_=inlay.callbacks.Throughput",
    "++callbacks.items._target_=inlay.callbacks.PerSampleMetrics",
    "++callbacks.items.folder=${run_dir}",
    "++callbacks.items.pictures=1",
    "validate_every=5",
]


@pytest.fixture
def wandb(monkeypatch, tmp_path):
    """Offline, without a key, and without a trace outside the test's folder."""
    import wandb

    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "NETRC"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name))
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.teardown()  # it reads the environment once
    yield wandb
    wandb.teardown()


def runs(folder, run_id):
    return sorted(folder.glob(f"wandb/offline-run-*-{run_id}*"))


def rows(folder):
    with (folder / "val_items.csv").open() as file:
        return list(csv.DictReader(file))


def test_wandb_gets_everything_and_a_resumed_run_keeps_its_id(tmp_path, picture_folder, wandb, monkeypatch):
    """And the next run of the same process has one of its own, as the trials of a sweep have to."""
    sent, ended = [], []
    log, end = wandb.Run.log, WandbRun.finalize
    monkeypatch.setattr(wandb.Run, "log", lambda run, row: (sent.append(row), log(run, row)))
    monkeypatch.setattr(WandbRun, "finalize", lambda run, status: (ended.append(run.experiment), end(run, status)))
    settings = [f"data.root={picture_folder}", "logger=wandb", "logger.wandb.artifact=true", *PARTS]
    train(tmp_path, *settings, "run_id=first", "iterations=5")
    assert wandb.run is None
    train(tmp_path, *settings, "resume=last", "iterations=6")
    log_once(WandbRun(str(tmp_path), "inlay", "name", "other"))
    assert [run.id for run in ended] == ["first", "first", "other"]
    assert [run.config.get("iterations") for run in ended] == [5, 6, None]
    assert (len(runs(tmp_path, "first")), len(runs(tmp_path, "other"))) == (2, 1)

    assert {"train/loss", "train/hole", "train/lr", "val/psnr_hole", "speed/images_per_second"} <= set().union(*sent)
    assert "speed" not in (tmp_path / "metrics.csv").read_text()
    [grid] = next(row["val/grid"] for row in sent if "val/grid" in row)
    assert grid._caption == "step 5: masked | raw | composite | original"
    assert any((tmp_path / "home/WANDB_DATA_DIR").rglob("*"))  # the checkpoint, waiting for `wandb sync`

    table = next(row["val/items"] for row in sent if "val/items" in row)
    listed = rows(tmp_path)
    assert table.columns == [*listed[0], "pictures"]
    assert [row[2] for row in table.data] == [row["id"] for row in listed]
    assert [row[-1] is not None for row in table.data].count(True) == 1
    assert [float(row["hole"]) for row in listed] == sorted(float(row["hole"]) for row in listed)


class Answers(BaseHTTPRequestHandler):
    """As much of the service as a run needs to begin; none once the server is mute."""

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.mute and self.server.over.wait()
        project = {"id": "p", "name": "inlay", "entity": {"id": "e", "name": "me"}}
        run = {"id": "cg==", "name": "abc", "displayName": "name", "config": "{}", "project": project}
        found = {"viewer": {"id": "v", "username": "me", "entity": "me", "flags": "{}", "teams": {"edges": []}}}
        if b"upsertBucket" in asked:
            found = {"upsertBucket": {"bucket": run, "inserted": True}}
        elif b"RunResumeStatus" in asked:
            found = {"model": {"id": "p", "name": "inlay", "bucket": None}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": found}).encode())

    def log_message(self, *args):
        """Nothing."""


@pytest.fixture
def service(wandb, monkeypatch):
    """A server that answers until it is told to be mute; wandb is told of it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.mute, server.over, server.daemon_threads = False, Event(), True
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("WANDB_MODE")
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "2")
        wandb.teardown()
        yield server
        server.over.set()
        server.shutdown()


def log_once(logger):
    logger.log_hyperparams({"model": {"width": 4}, "terms": {}})
    logger.log_metrics({"train/loss": 1.0}, step=0)
    logger.finalize("success")


@pytest.mark.parametrize(
    ("why", "error"),
    [
        pytest.param("the server refuses", "AuthenticationError", marks=pytest.mark.slow),
        pytest.param("the server is mute", "AuthenticationError", marks=pytest.mark.slow),
        ("no key", "UsageError: there is no API key"),
    ],
)
def test_wandb_that_cannot_be_used_online_goes_on_offline(why, error, tmp_path, service, monkeypatch, caplog):
    service.mute = True
    if why == "the server refuses":
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    if why == "no key":
        monkeypatch.delenv("WANDB_API_KEY")
    log_once(WandbRun(str(tmp_path), "inlay", "name", "abc"))
    assert len(runs(tmp_path, "abc")) == 1
    [warning] = [record.getMessage() for record in caplog.records if record.name.startswith("inlay")]
    assert warning.startswith(f"wandb cannot be used online ({error}")
    assert warning.endswith(f"wandb sync {tmp_path}/wandb/offline-run-*")


@pytest.mark.slow
def test_wandb_whose_server_falls_silent_neither_stops_nor_holds_up_a_run(tmp_path, service):
    run = WandbRun(str(tmp_path), "inlay", "name", "abc", patience=2)
    run.log_metrics({"train/loss": 1.0}, step=0)
    assert not run.experiment.offline
    service.mute = True
    begin = time.monotonic()
    for step in range(1, 100):
        run.log_metrics({"train/loss": 1.0}, step=step)
    assert time.monotonic() - begin < 2
    run.finalize("success")
    assert time.monotonic() - begin < 30
    assert list(tmp_path.glob("wandb/run-*-abc/run-abc.wandb"))  # what `wandb sync` takes


def test_wandb_that_fails_on_the_way_is_given_up_with_one_warning(tmp_path, wandb, caplog, monkeypatch):
    run = WandbRun(str(tmp_path), "inlay", "name", "abc")
    monkeypatch.setattr(wandb.Run, "log", asked := Mock(side_effect=ZeroDivisionError))
    run.log_metrics({"train/loss": 1.0}, step=0)
    run.log_image("val/grid", [np.zeros((8, 8, 3), np.uint8)], step=1)
    run.finalize("failed")
    asked.assert_called_once()
    assert caplog.text.count("WandbRun gave up (ZeroDivisionError") == 1


def test_wandb_that_cannot_write_either_is_given_up(tmp_path, wandb, caplog, monkeypatch):
    begin = wandb.init
    full = Mock(side_effect=OSError("No space left on device"))
    monkeypatch.setattr(wandb, "init", lambda **asked: (begin if asked.get("mode") == "disabled" else full)(**asked))
    log_once(WandbRun(str(tmp_path), "inlay", "name", "abc", offline=True))
    assert caplog.text.count("WandbRun gave up (OSError: No space left on device") == 1


@pytest.mark.stranger("A.4")
def test_texts_in_a_table_of_wandb_are_nothing_but_text(tmp_path, wandb, monkeypatch):
    sent = []
    monkeypatch.setattr(pl.loggers.WandbLogger, "log_table", lambda run, key, columns, rows, *_: sent.extend(rows))
    row = ["<img src=x onerror=alert(1)>\x1b[31m\x07\u202e", 1.5]
    WandbRun(str(tmp_path), "inlay", "name", "abc", offline=True).log_table("val/items", ["caption", "psnr"], [row])
    assert sent == [[r"<img src=x onerror=alert(1)>\x1b[31m\x07\u202e", 1.5]]


@pytest.mark.slow  # importing MLflow and making its database takes it ten seconds
def test_mlflow_keeps_its_run_on_resume(tmp_path, picture_folder, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow = [f"data.root={picture_folder}", "logger=mlflow", "logger.mlflow.artifact=true", *PARTS]
    train(tmp_path / "run", *mlflow, "run_id=first", "iterations=5")
    train(tmp_path / "run", *mlflow, "resume=last", "iterations=6")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/run/mlflow.db")
    experiment = client.get_experiment_by_name("inlay").experiment_id
    [run] = client.search_runs([experiment])
    assert (run.info.status, run.data.tags["inlay.run_id"]) == ("FINISHED", "first")
    assert run.data.params["iterations"] == "5"  # as it began
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in losses] == list(range(6))
    kept = {path.name for path in (tmp_path / "run/mlflow").rglob("*") if path.is_file()}
    assert {"best.ckpt", "config.yaml"} <= kept
    assert any(name.startswith("val~grid") for name in kept)


@pytest.mark.slow
def test_mlflow_without_a_server_is_given_up(tmp_path, caplog):
    log_once(MLflowRun(str(tmp_path), "inlay", "name", "abc", tracking_uri="http://127.0.0.1:9"))
    assert caplog.text.count("MLflowRun gave up") == 1
    assert "metrics.csv has the numbers" in caplog.text


def test_throughput_counts_images_between_logs(monkeypatch, tmp_path):
    """Four images a step of two processes and two seconds; the first three steps are left out, so is a validation."""
    clock, rows = iter(range(0, 1000, 2)), []
    monkeypatch.setattr("inlay.callbacks.throughput.time.perf_counter", lambda: float(next(clock)))
    board = SimpleNamespace(log_metrics=lambda row, step: rows.append((step, row)))
    ours = MetricsCSV(str(tmp_path))
    trainer = SimpleNamespace(global_step=0, world_size=2, log_every_n_steps=5, loggers=[ours, board])
    task = SimpleNamespace(device=torch.device("cpu"))
    speed = Throughput()
    speed.on_train_start(trainer, task)
    for step in range(1, 16):
        trainer.global_step = step
        speed.on_train_batch_end(trainer, task, None, {"id": ["a", "b"]}, 0)
        if step == 10:
            next(clock)  # the validation takes its time
            speed.on_validation_end(trainer, task)
    assert rows == [(step, {"speed/images_per_second": 2.0}) for step in (4, 9, 14)]
    assert ours._waiting == []


def items(folder, composite, **batch):
    writes = PerSampleMetrics(str(folder))
    trainer = pl.Trainer(logger=False, accelerator="cpu", enable_progress_bar=False, enable_model_summary=False)
    writes.on_validation_epoch_start(trainer, None)
    writes.on_validation_batch_end(trainer, None, SimpleNamespace(composite=composite), batch, 0)
    writes.on_validation_epoch_end(trainer, None)
    return rows(folder)


def test_items_are_gathered_from_all_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("inlay.callbacks.per_sample_metrics.rank_and_world", lambda: (0, 2))

    def theirs(everyone, own):
        everyone[:] = [own, [own[0]._replace(id="theirs", hole=1.0)]]

    monkeypatch.setattr("inlay.callbacks.per_sample_metrics.dist.all_gather_object", theirs)
    image, mask = torch.zeros(1, 3, 4, 4), torch.ones(1, 1, 4, 4)
    found = items(tmp_path, image, image=image, mask=mask, id=["ours"], caption=["a bird, red"])
    assert [row["id"] for row in found] == ["theirs", "ours"]
    assert {(row["bucket"], row["psnr_hole"], row["caption"]) for row in found} == {("outside", "inf", "a bird, red")}


def test_items_are_clamped_as_a_file_would_clamp_them(tmp_path):
    mask = torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(1, 1, 4, 4)
    [row] = items(tmp_path, mask * 7, image=torch.zeros(1, 3, 4, 4), mask=mask, id=["a"])
    assert (row["hole"], row["bucket"], float(row["psnr_hole"]), row["l1_hole"]) == ("50.0", "50-60", 0.0, "1.0")


def test_a_negative_count_and_mlflow_that_is_not_installed_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InlayError, match=r"pictures and max_rows must be at least 0, got -1 and 500"):
        PerSampleMetrics(str(tmp_path), pictures=-1)
    monkeypatch.setattr("inlay.callbacks.mlflow_run.find_spec", lambda name: None)
    with pytest.raises(InlayError, match=r"inlay\[mlflow\]"):
        MLflowRun(str(tmp_path), "inlay", "name", "abc")
