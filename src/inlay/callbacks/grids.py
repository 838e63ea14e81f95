"""Pictures of how training goes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from torch import Tensor

from inlay.images import contact_sheet, write_picture
from inlay.ops import erase
from inlay.types import Batch, Prediction

Row = list[NDArray[np.float32]]
CAPTION = "masked | raw | composite | original"


class ImageGrids(pl.Callback):
    """At every validation a sheet of the same pictures: masked | raw | composite | original.

    Args:
        folder: where the sheets go, ``step_000100.png`` and so on; the loggers that take pictures get them too.
        count: how many validation pictures, the first ones.
    """

    def __init__(self, folder: str, count: int = 6) -> None:
        self.folder = Path(folder)
        self.count = count
        self._rows: list[Row] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a new sheet."""
        self._rows = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the pictures of the first batches."""
        if trainer.is_global_zero and len(self._rows) < self.count:
            self._rows += _rows(outputs, batch)[: self.count - len(self._rows)]

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the sheet."""
        if trainer.sanity_checking or not self._rows:
            return
        sheet = contact_sheet(self._rows)
        write_picture(self.folder / f"step_{trainer.global_step:06d}.png", sheet)
        for logger in trainer.loggers:
            _send(logger, sheet.pixels, trainer.global_step)


def _rows(prediction: Prediction, batch: Batch) -> list[Row]:
    image, mask = batch["image"], batch["mask"]
    columns = (erase(image, mask), prediction.raw, prediction.composite, image)
    return [[_picture(column[i]) for column in columns] for i in range(len(image))]


def _picture(chw: Tensor) -> NDArray[np.float32]:
    return chw.detach().float().permute(1, 2, 0).cpu().numpy()


def _send(logger: Logger, sheet: NDArray[Any], step: int) -> None:
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(CAPTION, sheet, step, dataformats="HWC")
    elif isinstance(logger, WandbLogger):
        logger.log_image("val/grid", [sheet], step=step, caption=[CAPTION])
