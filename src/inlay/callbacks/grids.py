"""Pictures of how training goes."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from torch import Tensor

from inlay.callbacks.mlflow_run import MLflowRun
from inlay.images import contact_sheet, labeled, text_strip, write_picture
from inlay.tasks import InpaintingTask

_LEGIBLE = 128  # pixels: smaller pictures are enlarged, pixel by pixel


class ImageGrids(pl.Callback):
    """Write a sheet of the first validation pictures at every validation; the task gives its columns and captions.

    Args:
        folder: where the sheets go, ``step_000100.png`` and so on; the loggers that take pictures get them too.
        count: how many validation pictures, the first ones.
        words: write which words a text-guided network looked at below each caption.
    """

    def __init__(self, folder: str, count: int = 6, words: bool = False) -> None:
        self.folder = Path(folder)
        self.count = count
        self.words = words
        self._titles: list[str] = []
        self._rows: list[NDArray[np.float32]] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._rows = []

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        missing = self.count - len(self._rows)
        if not trainer.is_global_zero or trainer.sanity_checking or missing <= 0:
            return
        task = cast(InpaintingTask, pl_module)
        with trainer.precision_plugin.forward_context():  # as the rest of the validation
            columns = task.grid_columns(batch, outputs)
            remarks = task.grid_captions(batch, self.words) or [""] * len(batch["id"])
        self._titles = list(columns)
        for number, remark in list(enumerate(remarks))[:missing]:
            strip = contact_sheet([[_picture(column[number]) for column in columns.values()]])
            self._rows.append(labeled(strip.rgb(), remark) if remark else strip.rgb())

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._rows:
            return
        titles = " | ".join(self._titles)
        sheet = contact_sheet([[text_strip(titles, self._rows[0].shape[1])], *([row] for row in self._rows)])
        write_picture(self.folder / f"step_{trainer.global_step:06d}.png", sheet)
        for logger in trainer.loggers:
            _send(logger, sheet.pixels, titles, trainer.global_step)


def _picture(chw: Tensor) -> NDArray[np.float32]:
    picture = chw.detach().float().permute(1, 2, 0).cpu().numpy()
    times = -(-_LEGIBLE // picture.shape[0]) if picture.shape[0] < _LEGIBLE else 1
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _send(logger: Logger, sheet: NDArray[Any], titles: str, step: int) -> None:
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(titles, sheet, step, dataformats="HWC")
    elif isinstance(logger, WandbLogger):
        logger.log_image("val/grid", [sheet], step=step, caption=[f"step {step}: {titles}"])
    elif isinstance(logger, MLflowRun):
        logger.log_image("val/grid", sheet, step)
