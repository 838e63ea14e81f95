"""Lists of what a run could not use."""

import logging
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl

from inlay import files
from inlay.data.datamodule import InpaintingData
from inlay.data.loader import TrainingLoader
from inlay.data.skipped import SkippedSample
from inlay.errors import InlayError
from inlay.files import csv_bytes, csv_rows, file_lock, read_bytes

log = logging.getLogger(__name__)

BAD_FILES, REJECTED_HOLES = "bad_files.csv", "rejected_holes.csv"
_SHOWN = 10


class BadFiles(pl.Callback):
    """Write ``bad_files.csv`` and ``rejected_holes.csv`` as things are met, and sum up after each pass over the data.

    Args:
        folder: of the run. Several processes write there, and a resumed run goes on; each thing is listed once.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._passes = 0
        self._refused = 0
        self._summed_up = -1

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        refused = self._write(trainer)
        self._refused = sum(problem.split == "train" for problem in refused)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A resumed run counts on from its pass."""
        self._passes = _loader(trainer).passes

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """List what is new; after a pass, sum up."""
        self._write(trainer)
        passes = _loader(trainer).passes
        if passes > self._passes:
            self._passes = passes
            self._sum_up(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step > self._summed_up:
            self._sum_up(trainer)

    def _write(self, trainer: pl.Trainer) -> list[SkippedSample]:
        new = cast(InpaintingData, trainer.datamodule).skipped.drain()  # type: ignore[attr-defined]
        append(self.folder / BAD_FILES, [one for one in new if one.file])
        append(self.folder / REJECTED_HOLES, [one for one in new if not one.file])
        return new

    def _sum_up(self, trainer: pl.Trainer) -> None:
        """Say what was listed so far, if anything: used + listed = found."""
        self._summed_up = trainer.global_step
        if not trainer.is_global_zero:
            return
        listed = read(self.folder / BAD_FILES)
        if listed:
            lost = len({one.id for one in listed if one.what == "picture" and one.split == "train"})
            found = len(_loader(trainer).dataset) + self._refused  # type: ignore[arg-type]
            shown = "; ".join(f"{one.file} ({one.reason})" for one in listed[:_SHOWN])
            log.warning(
                "after %s passes: %d training pictures found = %d used + %d listed. %s lists %d files: %s%s",
                self._passes, found, found - lost, lost, self.folder / BAD_FILES, len(listed), shown,
                " ..." if len(listed) > _SHOWN else "",
            )  # fmt: skip
        rejected = read(self.folder / REJECTED_HOLES)
        if rejected:
            log.warning("%s lists %d pictures without a usable hole.", self.folder / REJECTED_HOLES, len(rejected))


def append(path: Path, samples: list[SkippedSample]) -> None:
    """Add to a list what it does not hold yet; processes that share the folder take turns."""
    if not samples:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(path.with_name(f".{path.name}.lock"), announce=False):
        found = read(path)
        known = {one[:-1] for one in found}
        new = [one for one in samples if one[:-1] not in known]
        head = [] if path.exists() and path.stat().st_size else [SkippedSample._fields]
        files.append(path, csv_bytes([*head, *new]))


def read(path: Path) -> list[SkippedSample]:
    """What a list holds; nothing where there is none.

    Raises:
        InlayError: it is none of ours.
    """
    if not path.exists():
        return []
    try:
        return [SkippedSample(**row) for row in csv_rows(read_bytes(path))]
    except (ValueError, TypeError) as error:
        raise InlayError(f"{path}: not a list of a run ({error}). Move it away, and start again.") from error


def _loader(trainer: pl.Trainer) -> TrainingLoader:
    return cast(TrainingLoader, trainer.train_dataloader)
