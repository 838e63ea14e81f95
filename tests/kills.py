"""Runs that kill themselves at a moment that was chosen, and what a finished run is compared by."""

import hashlib
import io
import os
import signal
from pathlib import Path

import torch
from torch import Tensor

from inlay.callbacks import EMA, ImageGrids, MetricsCSV
from inlay.checkpoints.files import resolved
from inlay.tasks import InpaintingTask
from inlay.tasks.base import Task
from tests.training import train


def die_before(step):
    """Let the run in this process be killed when the step of that number begins."""
    begin = Task.on_train_batch_start

    def fatal(task, *arguments):
        begin(task, *arguments)
        if task.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    Task.on_train_batch_start = fatal


class Moments:
    """Counts the moments of a run, and kills the process at one of them."""

    def __init__(self, fatal=None):
        self.fatal, self.names = fatal, []

    def __call__(self, name):
        if len(self.names) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        self.names.append(name)


def watch(moment):
    """Let the parts of a run tell their moments; half-written checkpoints are one of them."""

    def around(owner, name):
        inner = getattr(owner, name)

        def told(*arguments, **options):
            moment(f"before {name}")
            answer = inner(*arguments, **options)
            moment(f"after {name}")
            return answer

        setattr(owner, name, told)

    save = torch.save

    def halting_save(content, file, *arguments, **options):
        whole = io.BytesIO()
        save(content, whole, *arguments, **options)
        written = whole.getvalue()
        file.write(written[: len(written) // 2])
        file.flush()
        moment("half-written checkpoint")
        file.write(written[len(written) // 2 :])

    torch.save = halting_save
    for owner, names in (
        (os, ["fsync"]),
        (Path, ["replace", "rename", "symlink_to", "unlink"]),
        (Task, ["on_train_batch_start", "on_before_optimizer_step", "on_train_batch_end"]),
        (InpaintingTask, ["on_validation_epoch_end"]),
        (MetricsCSV, ["log_metrics", "save", "rewind"]),
        (ImageGrids, ["on_validation_batch_end", "on_validation_epoch_end"]),
        (EMA, ["on_train_batch_end", "on_validation_start", "on_validation_end"]),
    ):
        for name in names:
            around(owner, name)


def in_step(number, act):
    """Let something happen in a step of a run, counted from 1, before its optimizer moves the weights."""
    inner = Task.on_before_optimizer_step

    def step(self, optimizer):
        if self.global_step == number - 1:
            act(self)
        inner(self, optimizer)

    Task.on_before_optimizer_step = step


def killed(run_dir, settings, tiny, fatal=None):
    """Train, and die at the moment of that number; without one, write down how many there are."""
    dying(Path(run_dir) / "moments.txt", fatal, train, run_dir, *settings, tiny=tiny)


def dying(moments, fatal, function, *arguments, **options):
    """Call something, and die at the moment of that number; without one, write down how many there are."""
    moment = Moments(fatal)
    watch(moment)
    function(*arguments, **options)
    Path(moments).write_text("\n".join(moment.names))


def trained(run_dir, settings, tiny):
    train(run_dir, *settings, tiny=tiny)


def digest(value):
    """SHA-256 of all that a checkpoint holds, tensors by their bits."""
    sha = hashlib.sha256()

    def feed(item):
        if isinstance(item, Tensor):
            sha.update(f"{item.dtype}{tuple(item.shape)}".encode() + item.contiguous().numpy().tobytes())
        elif isinstance(item, dict):
            for key in sorted(item, key=str):
                sha.update(str(key).encode())
                feed(item[key])
        elif isinstance(item, list | tuple):
            for part in item:
                feed(part)
        else:
            sha.update(repr(item).encode())

    feed(value)
    return sha.hexdigest()


def remains(run_dir):
    """What two runs that are the same have in common: state, logs, pictures, and which checkpoints there are."""
    folder = Path(run_dir)
    checkpoint = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    parts = ("state_dict", "optimizer_states", "lr_schedulers", "average", "global_step", "callbacks")
    return {
        **{part: digest(checkpoint.get(part)) for part in parts},
        "samples": checkpoint["inlay"]["samples"],
        "metrics": (folder / "metrics.csv").read_text(),
        "grids": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("grids/*")},
        "checkpoints": sorted(path.name for path in (folder / "checkpoints").iterdir()),
        "links": [resolved(folder / f"checkpoints/{name}.ckpt").name for name in ("best", "last")],
    }
