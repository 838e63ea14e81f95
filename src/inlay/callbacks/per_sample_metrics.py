"""How each validation picture was filled."""

from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytorch_lightning as pl
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from inlay.buckets import bucket
from inlay.callbacks.wandb_run import WandbRun
from inlay.distributed import rank_and_world
from inlay.errors import InlayError
from inlay.files import csv_bytes, write_bytes
from inlay.images import contact_sheet
from inlay.metrics import FillResult, PixelErrors
from inlay.tasks import InpaintingTask

FILE = "val_items.csv"
_PIXEL_ERRORS = PixelErrors()


class Item(NamedTuple):
    """One validation picture."""

    hole: float
    """Share of the picture that is hole, in percent."""
    bucket: str
    """``1-10``, ``10-20``, ... ``50-60``, or ``outside``."""
    id: str
    psnr_hole: float
    """In dB over the hole's pixels, higher is better; infinite where they are exact, NaN without a hole."""
    l1_hole: float
    """Mean absolute error of the hole's pixels in ``[0, 1]``, lower is better."""
    caption: str
    """Empty where there is none."""


class PerSampleMetrics(pl.Callback):
    """At every validation a table of all its pictures by hole ratio: ``val_items.csv``, and on the dashboard.

    Args:
        folder: of the run.
        pictures: how many rows of the dashboard's table, the first ones of the validation, show the task's pictures.
        max_rows: rows of the dashboard's table; the file has all.

    Raises:
        InlayError: ``pictures`` or ``max_rows`` is negative.
    """

    def __init__(self, folder: str, pictures: int = 12, max_rows: int = 500) -> None:
        if min(pictures, max_rows) < 0:
            raise InlayError(
                f"callbacks.items.pictures and max_rows must be at least 0, got {pictures} and {max_rows}."
            )
        self.path = Path(folder) / FILE
        self.pictures, self.max_rows = pictures, max_rows
        self._batches: list[tuple[list[str], list[str], int, Tensor, Tensor]] = []
        self._strips: dict[str, NDArray[np.uint8]] = {}

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._batches, self._strips = [], {}

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Measure a batch; nothing is fetched from the device before the end."""
        if trainer.sanity_checking:
            return
        self._batches.append(_measure(outputs.composite, batch))
        missing = self.pictures - len(self._strips)
        if missing > 0 and trainer.is_global_zero and _dashboards(trainer):
            with trainer.precision_plugin.forward_context():  # as the rest of the validation
                columns = cast(InpaintingTask, pl_module).grid_columns(batch, outputs)
            for number, name in list(enumerate(batch["id"]))[:missing]:
                row = [column[number].float().permute(1, 2, 0).cpu().numpy() for column in columns.values()]
                self._strips[name] = contact_sheet([row]).rgb8()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put together what all processes have, and let the first one write and send it."""
        if trainer.sanity_checking:
            return
        items = [item for batch in self._batches for item in _read(*batch)]
        if (world := rank_and_world()[1]) > 1:
            everyone: list[list[Item]] = [[] for _ in range(world)]
            dist.all_gather_object(everyone, items)
            items = [item for of_one in everyone for item in of_one]
        if not trainer.is_global_zero:
            return
        write_bytes(self.path, csv_bytes([Item._fields, *sorted(items)]))
        shown = sorted(sorted(items, key=lambda item: item.id not in self._strips)[: self.max_rows])
        for logger in _dashboards(trainer):
            rows = [[*item, self._strips.get(item.id)] for item in shown]
            logger.log_table("val/items", [*Item._fields, "pictures"], rows, step=trainer.global_step)


def _measure(composite: Tensor, batch: Any) -> tuple[list[str], list[str], int, Tensor, Tensor]:
    """Names, captions, the pixels of a picture; ``(B,)`` those of its hole, ``(B, 2)`` squared and absolute errors."""
    ids, mask = batch["id"], batch["mask"]
    found = _PIXEL_ERRORS(FillResult(composite.detach().float().clamp(0, 1), mask, batch["image"].float()))
    errors = torch.stack([found["mse_hole"], found["l1_hole"]], dim=1)
    return ids, batch.get("caption", [""] * len(ids)), mask[0].numel(), (mask > 0.5).sum(dim=(1, 2, 3)), errors


def _read(ids: list[str], captions: list[str], pixels: int, holes: Tensor, errors: Tensor) -> list[Item]:
    return [
        Item(round(100 * hole / pixels, 4), bucket(hole, pixels), name, _psnr(squared), absolute, caption)
        for name, caption, hole, (squared, absolute) in zip(ids, captions, holes.tolist(), errors.tolist(), strict=True)
    ]


def _psnr(squared: float) -> float:
    return -10 * float(np.log10(squared)) if squared else float("inf")


def _dashboards(trainer: pl.Trainer) -> list[WandbRun]:
    return [logger for logger in trainer.loggers if isinstance(logger, WandbRun)]
