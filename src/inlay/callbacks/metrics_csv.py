"""``metrics.csv``: one file a run, also when the run was resumed."""

from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from inlay.errors import InlayError, unwritable
from inlay.files import append, csv_bytes, csv_rows, read_bytes, write_bytes

_LARGEST = 2**32  # bytes of a table that a run goes on with


class MetricsCSV(Logger):
    """Log to ``metrics.csv`` in a folder: a row for each time something was logged, a column for each metric.

    Lightning's own CSVLogger deletes an earlier file, and with it the first half of every resumed run.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self._columns: list[str] = []
        self._waiting: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
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
        if not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        new = {key for row in rows for key in row}.difference(self._columns)
        if not new:
            self._write(append, map(self._cells, rows))
            return
        # sorted, not as they were met first: another start of the run may meet them in another order
        self._columns = ["step", *sorted({*self._columns, *new} - {"step"})]
        self._rewrite(self._read() + rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
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
        try:
            rows = csv_rows(read_bytes(self.path, _LARGEST))
            if not all(row["step"].isdecimal() for row in rows):
                raise ValueError("a row says no step")
        except (ValueError, KeyError) as error:
            raise InlayError(
                f"{self.path}: not the table of a run ({error}). Move it away, and start again."
            ) from error
        return rows

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        self._write(write_bytes, [self._columns, *map(self._cells, rows)])

    def _cells(self, row: Mapping[str, Any]) -> list[Any]:
        return [row.get(name, "") for name in self._columns]

    def _write(self, write: Callable[[Path, bytes], None], rows: Iterable[Iterable[object]]) -> None:
        try:
            write(self.path, csv_bytes(rows))
        except OSError as error:
            raise unwritable(self.path, error) from error


class RewindMetrics(pl.Callback):
    """When a run is resumed, let its ``metrics.csv`` go on where the checkpoint was written."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCSV):
                logger.rewind(trainer.global_step)
