"""One trial of a sweep, and the record that it leaves in its folder."""

import gc
import json
import math
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from inlay.errors import InlayError, Preempted, one_line
from inlay.files import held, read_text, write_text
from inlay.printing import say
from inlay.processes import is_first_process

RESULT, UNFINISHED, ERROR = "result.json", "unfinished.json", "error.txt"
_LONGEST = 1_000_000  # bytes of a record


@dataclass(frozen=True)
class Trial:
    """The record of a trial.

    Attributes:
        status: ``completed``, ``failed``, or ``unfinished`` where it runs or its process was killed.
        value: the best of the monitored metric; None unless completed.
        error: why it failed, on one line.
        overrides: the settings it was given, each ``key=value``.
        started: when, in UTC.
        seconds: how long it took.
        folder: where it lies.
    """

    status: str
    value: float | None
    error: str | None
    overrides: list[str]
    started: str
    seconds: float
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """What makes the trial this one: its overrides by key, but for where it lies and how it goes on."""
        given = (override.lstrip("+").partition("=") for override in self.overrides)
        going_on = {("resume", value) for value in ("auto", "last", "best", "null")}
        return {k: v for k, _, v in given if k not in ("run_dir", "run_id") and (k, v) not in going_on}


def run(cfg: DictConfig, train: Callable[[DictConfig], float | None]) -> float | None:
    """Run the current job of Hydra as a trial in its own folder; returns what :func:`recorded` returns."""
    job = HydraConfig.get()
    cfg.run_dir = job.runtime.output_dir
    folder, overrides = Path(cfg.run_dir), list(job.overrides.task)
    before = _record(folder, RESULT) if cfg.resume else None
    if before and before.status == "completed" and before.settings == _begun(folder, overrides).settings:
        say(f"{folder}: this trial is completed, with {before.value:.5g}; nothing is left to train")
        return before.value
    if not is_first_process():  # of a trial on several devices: the first one keeps the record
        return train(cfg)
    with held(folder, "training, as a trial of a sweep"):
        return recorded(lambda: train(cfg), folder, overrides, cfg.resume)


def recorded(
    train: Callable[[], float | None], folder: Path, overrides: list[str], resume: str | None = None
) -> float | None:
    """Train and leave ``result.json``, whatever happens; the traceback of a failure goes to ``error.txt``.

    What another trial left in the folder is set aside, and so is what this one did, unless it goes on.

    Returns:
        The value; None where the trial failed, which lets a sweep go on (Optuna's sweeper stops at a NaN).

    Raises:
        InlayError: the folder holds another trial, and there is none that ``resume`` could go on with.
    """
    trial = _begun(folder, overrides)
    _make_room(trial, resume)
    _write(trial)
    begun = time.monotonic()
    value, error = None, None
    try:
        score = _handed_over(train)
        if score is None or not math.isfinite(score):
            error = f"the monitored metric ended as {score}"
        else:
            value = float(score)
    except Exception as problem:  # of any kind: the other trials may do better
        write_text(folder / ERROR, traceback.format_exc())
        cause: BaseException = problem
        while cause.__cause__ is not None:  # Hydra wraps what a constructor raises
            cause = cause.__cause__
        error = one_line(cause)
    finally:
        gc.collect()  # the network goes before the next trial of this process brings its own
    if error:
        say(f"error: the trial in {folder} failed: {error}", sys.stderr)
    ended = {"status": "failed" if error else "completed", "value": value, "error": error}
    _write(Trial(**{**asdict(trial), **ended, "seconds": round(time.monotonic() - begun, 1)}))
    return value


def read(folder: Path) -> list[Trial]:
    """The trials whose records lie below a folder, earlier ones in ``earlier/N`` too, in the order they started."""
    files = [path for name in (RESULT, UNFINISHED) for path in folder.rglob(name)]
    trials = [trial for path in files if (trial := _record(path.parent, path.name))]
    return sorted(trials, key=lambda trial: trial.started)


def varied(trials: Sequence[Trial]) -> list[str]:
    """The settings in which trials differ."""
    keys = dict.fromkeys(key for trial in trials for key in trial.settings)
    return [key for key in keys if len({trial.settings.get(key) for trial in trials}) > 1]


def _begun(folder: Path, overrides: list[str]) -> Trial:
    return Trial("unfinished", None, None, overrides, datetime.now(UTC).isoformat(), 0.0, folder)


def _make_room(trial: Trial, resume: str | None) -> None:
    """Set aside what a trial would overwrite; what it goes on with stays."""
    from inlay.runs.folder import ARTIFACTS, archive_existing

    folder = trial.folder
    before = _record(folder, UNFINISHED) or _record(folder, RESULT)
    if before and before.settings == trial.settings and (resume or before.status == "unfinished"):
        archive_existing(folder, (RESULT, ERROR))
    elif before and resume not in (None, "auto"):
        raise InlayError(
            f"resume={resume}: {folder} holds the trial {' '.join(before.overrides)}, not this one. Give resume=auto, "
            "which sets it aside and begins this one, or another run_dir."
        )
    else:
        archive_existing(folder, (*ARTIFACTS, UNFINISHED))


def _record(folder: Path, name: str) -> Trial | None:
    """What a trial left in its folder; None where it left nothing, or nothing that can be read."""
    try:
        return Trial(folder=folder, **json.loads(read_text(folder / name, _LONGEST)))
    except (InlayError, ValueError, TypeError):
        return None


def _write(trial: Trial) -> None:
    """The record is ``unfinished.json`` for as long as the trial runs, ``result.json`` behind it."""
    running = trial.folder / UNFINISHED
    record = {key: value for key, value in asdict(trial).items() if key != "folder"}
    write_text(running, json.dumps(record, indent=1) + "\n")
    if trial.status != "unfinished":
        running.replace(trial.folder / RESULT)


def _handed_over(train: Callable[[], float | None]) -> float | None:
    """Train; when the trial was preempted and is saved, let the launcher that started it queue it again.

    submitit listens to SIGUSR2 for this: its listener ends the process, or raises when the trial's time is up for good.
    """
    if sys.platform == "win32":  # has no such signal, and no submitit
        return train()
    listener = signal.getsignal(signal.SIGUSR2)
    try:
        return train()
    except Preempted:
        if callable(listener):
            listener(signal.SIGUSR2, None)
        raise
