"""A sweep's beginning and end: a folder, and a table and a plot of its trials."""

import atexit
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write
from rich.table import Table
from rich.text import Text

from inlay.cli.training import check_run, higher_is_better
from inlay.cli.trials import Trial, read, varied
from inlay.errors import reported
from inlay.files import csv_bytes, write_bytes
from inlay.printing import console, say

TABLE, PLOT = "sweep.csv", "sweep.png"
_WIDTH_OF_A_LOG = 160


class SweepSummary(Callback):
    """When a sweep ends, print a table of its trials, the best first, and write ``sweep.csv`` and ``sweep.png``.

    All trials below the sweep's folder count, those of earlier invocations too. A sweep that stops early, by Ctrl-C or
    because a launcher gave up, ends with the table, too.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the folder, and let a search that goes on draw other points than it began with."""
        self.folder = Path(config.hydra.sweep.dir)
        self.folder.mkdir(parents=True, exist_ok=True)  # where Optuna's storage goes
        self._monitor = str(config.monitor)
        with reported():  # what no trial could measure is refused before the first
            check_run(config)
            self._higher = higher_is_better(config)
        if "direction" in config.hydra.sweeper:
            with read_write(config):
                config.hydra.sweeper.direction = "maximize" if self._higher else "minimize"
        known = {trial.started for trial in read(self.folder)}
        self._earlier = set() if config.resume else known  # trials that a sweep goes on with are its own
        if OmegaConf.select(config, "hydra.sweeper.sampler.seed") is not None:
            with read_write(config):  # a sampler with the same seed would repeat the first points of the study
                config.hydra.sweeper.sampler.seed += len(known)
        os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")  # about what optuna 2 does, which is pinned
        logging.getLogger("alembic").setLevel(logging.WARNING)
        atexit.register(self._sum_up)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Sum up; the exit status is 1 where not one of this sweep's trials completed."""
        atexit.unregister(self._sum_up)
        if not self._sum_up():
            raise SystemExit(1)

    def _sum_up(self) -> bool:
        """Whether a trial of this sweep completed."""
        trials = ranked(read(self.folder), self._higher)
        summarize(trials, self.folder, self._monitor, self._higher)
        completed = any(trial.status == "completed" for trial in trials if trial.started not in self._earlier)
        if not completed:
            print("error: no trial of this sweep completed.", file=sys.stderr)
        return completed


def ranked(trials: Sequence[Trial], higher_is_better: bool = True) -> list[Trial]:
    """The best first; those without a value behind, in the order they started."""
    sign = -1 if higher_is_better else 1
    return sorted(trials, key=lambda trial: float("inf") if trial.value is None else sign * trial.value)


def summarize(trials: Sequence[Trial], folder: Path, monitor: str, higher_is_better: bool = True) -> None:
    """Print the table of trials, the best first, and what failed; write ``sweep.csv`` and ``sweep.png``."""
    from inlay.cli.sweep_plot import draw

    if not trials:
        say(f"No trial left a record in {folder}.")
        return
    write_bytes(folder / TABLE, csv_bytes(_rows(trials, folder)))
    draw(sorted(trials, key=lambda trial: trial.started), monitor, folder / PLOT, higher_is_better)
    screen = console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_LOG)
    screen.print(_table(trials, folder, monitor))
    for trial in trials:
        if trial.error:
            screen.print(f"{trial.folder} failed: {trial.error}", soft_wrap=True)
    screen.print(_closing(trials, folder, monitor), soft_wrap=True)


def _table(trials: Sequence[Trial], folder: Path, monitor: str) -> Table:
    """A row a trial: its folder, value, time, and the settings in which trials differ."""
    keys = varied(trials)
    rows = Table(title=Text(f"{len(trials)} trials in {folder}"))  # Text: brackets mean nothing
    for heading in ("trial", monitor, "seconds", *_short_names(keys)):
        rows.add_column(Text(heading), overflow="fold")  # long names are broken, not cut
    for trial in trials:
        value = trial.status if trial.value is None else f"{trial.value:.5g}"
        settings = (_short(trial.settings.get(key, "")) for key in keys)
        cells = (str(trial.folder.relative_to(folder)), value, f"{trial.seconds:.0f}", *settings)
        rows.add_row(*(Text(cell) for cell in cells))
    return rows


def _closing(trials: Sequence[Trial], folder: Path, monitor: str) -> str:
    """The last lines: how many trials did what, the best one's checkpoint, and where everything is."""
    counts = {status: sum(t.status == status for t in trials) for status in ("completed", "failed", "unfinished")}
    summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    files = f"{folder / TABLE} and {folder / PLOT} hold all of them."
    best = trials[0]
    if best.value is None:
        return f"{summary}. {files}"
    return f"{summary}. {files}\nBest {monitor}: {best.value:.5g}, {best.folder / 'checkpoints/best.ckpt'}"


def _rows(trials: Sequence[Trial], folder: Path) -> Iterator[list[object]]:
    """Those of ``sweep.csv``: a trial each, with all of its settings."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.settings))
    yield ["trial", "status", "value", "seconds", "started", "error", *keys]
    for trial in trials:
        about = [trial.folder.relative_to(folder), trial.status, trial.value, trial.seconds, trial.started]
        yield [*about, trial.error, *(trial.settings.get(key) for key in keys)]


def _short_names(keys: Sequence[str]) -> list[str]:
    """The last two parts of each setting's name, where that tells them apart."""
    names = [".".join(key.split(".")[-2:]) for key in keys]
    return names if len(set(names)) == len(names) else list(keys)


def _short(value: str) -> str:
    """A setting that fits into a table: Optuna's numbers have 17 digits."""
    try:
        return f"{float(value):.4g}" if "." in value else value
    except ValueError:
        return value
