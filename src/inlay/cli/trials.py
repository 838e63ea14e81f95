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

from inlay.errors import Preempted
from inlay.printing import say

RESULT, UNFINISHED, ERROR = "result.json", "unfinished.json", "error.txt"


@dataclass(frozen=True)
class Trial:
    """What became of a trial.

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
        """The overrides by key."""
        return {key: value for key, _, value in (override.partition("=") for override in self.overrides)}


def run(cfg: DictConfig, train: Callable[[DictConfig], float | None]) -> float | None:
    """Run Hydra's present job as a trial, in a folder of its own; what :func:`recorded` returns."""
    from inlay import runs

    job = HydraConfig.get()
    cfg.run_dir = job.runtime.output_dir
    if not runs.is_first_process():  # of a trial on several devices: the first one keeps the record
        return train(cfg)
    return recorded(lambda: train(cfg), Path(cfg.run_dir), list(job.overrides.task))


def recorded(train: Callable[[], float | None], folder: Path, overrides: list[str]) -> float | None:
    """Train and leave ``result.json``, whatever happens; the traceback of a failure goes to ``error.txt``.

    Whatever an earlier trial left in the folder is set aside, unless it is this one, interrupted.

    Args:
        train: returns the value of the trial.
        folder: of the trial.
        overrides: its settings.

    Returns:
        The value; None where the trial failed, which lets a sweep go on (Optuna's sweeper stops at a NaN).
    """
    _make_room(folder, overrides)
    trial = Trial("unfinished", None, None, overrides, datetime.now(UTC).isoformat(), 0.0, folder)
    _write(trial)
    begun = time.monotonic()
    value, error = None, None
    try:
        answer = _handed_over(train)
        if answer is None or not math.isfinite(answer):
            error = f"the monitored metric ended as {answer}"
        else:
            value = float(answer)
    except Exception as problem:  # of any kind: the other trials may do better
        error = _in_a_line(problem)
        (folder / ERROR).write_text(traceback.format_exc(), encoding="utf-8")
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
    trials = [Trial(folder=path.parent, **json.loads(path.read_text(encoding="utf-8"))) for path in files]
    return sorted(trials, key=lambda trial: trial.started)


def varied(trials: Sequence[Trial]) -> list[str]:
    """The settings in which trials differ."""
    keys = dict.fromkeys(key for trial in trials for key in trial.settings)
    return [key for key in keys if len({trial.settings.get(key) for trial in trials}) > 1]


def _make_room(folder: Path, overrides: list[str]) -> None:
    from inlay import runs

    unfinished = folder / UNFINISHED
    if unfinished.exists() and json.loads(unfinished.read_text(encoding="utf-8"))["overrides"] == overrides:
        return  # a trial that was preempted goes on, with resume=auto
    runs.set_aside(folder, (*runs.ARTIFACTS, UNFINISHED))


def _write(trial: Trial) -> None:
    """The record is ``unfinished.json`` for as long as the trial runs, ``result.json`` behind it."""
    running = trial.folder / UNFINISHED
    record = {key: value for key, value in asdict(trial).items() if key != "folder"}
    running.parent.mkdir(parents=True, exist_ok=True)
    running.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if trial.status != "unfinished":
        running.replace(trial.folder / RESULT)


def _handed_over(train: Callable[[], float | None]) -> float | None:
    """Train; when the trial was preempted and is saved, let the launcher that started it queue it again.

    submitit listens to SIGUSR2 for this: its listener ends the process, or raises when the trial's time is up for good.
    """
    listener = signal.getsignal(signal.SIGUSR2)
    try:
        return train()
    except Preempted:
        if callable(listener):
            listener(signal.SIGUSR2, None)
        raise


def _in_a_line(error: BaseException) -> str:
    """The kind of the innermost cause, and the first line of what it says."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [""]
    if "Traceback" in str(error):  # a DataLoader worker hands its traceback over as the message
        return lines[-1]
    return f"{type(error).__name__}: {lines[0]}"
