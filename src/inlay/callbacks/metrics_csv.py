"""``metrics.csv``: one file a run, also when the run was resumed."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only


class MetricsCSV(Logger):
    """Log to ``metrics.csv``, a row for each time something was logged, a column for each metric.

    Lightning's own CSVLogger deletes an earlier file, and with it the first half of every resumed run.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self._columns: list[str] = []
        self._waiting: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        """Part of Lightning's interface; the run's folder is name enough."""
        return ""

    @property
    def version(self) -> str:
        """As :attr:`name`."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's folder holds config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row; Lightning asks to :meth:`save` right after."""
        # Lightning adds its count of epochs, which with an endless loader is that of restarts.
        self._waiting.append({"step": step} | {key: value for key, value in metrics.items() if key != "epoch"})

    @rank_zero_only
    def save(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        new = [key for row in rows for key in row if key not in self._columns]
        if new:
            rows = self._read() + rows
            self._columns += dict.fromkeys(new)
            self._rewrite(rows)
        else:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self._columns).writerows(rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what waits."""
        self.save()

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """Go on with an earlier file, without the rows that were logged after iteration ``step``."""
        rows = self._read()
        if rows:
            self._columns = list(rows[0])
            self._rewrite([row for row in rows if int(row["step"]) < step])  # Lightning counts rows from 0

    def _read(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(self.path)


class RewindMetrics(pl.Callback):
    """When a run is resumed, let its ``metrics.csv`` go on where the checkpoint was written."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop the rows that the interrupted run logged beyond its checkpoint."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCSV):
                logger.rewind(trainer.global_step)
