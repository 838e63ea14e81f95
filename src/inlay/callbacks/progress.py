"""The bar a person watches."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

_SECONDS_ON_SCREEN = 0.5
_SECONDS_IN_A_LOG = 10.0


class IterationProgressBar(pl.callbacks.ProgressBar):
    """One bar over all iterations of the run, with the loss terms; a second one while it validates.

    The terms are fetched from the device only when the bar is redrawn, at most twice a second (every ten seconds
    where the output is not a terminal), so that no iteration waits for the screen.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seconds = _SECONDS_ON_SCREEN if sys.stderr.isatty() else _SECONDS_IN_A_LOG
        self._training: tqdm[Any] = tqdm(disable=True)
        self._validation: tqdm[Any] = tqdm(disable=True)
        self._drawn = 0.0
        self._enabled = True

    def disable(self) -> None:  # Lightning asks this of every process but the first
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._training = self._bar("training", trainer.max_steps, initial=trainer.global_step)

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        done = trainer.global_step == trainer.max_steps
        if done or time.monotonic() - self._drawn >= self._seconds:
            self._drawn = time.monotonic()
            terms = {name.removeprefix("train/"): value for name, value in trainer.progress_bar_metrics.items()}
            self._training.set_postfix({name: f"{value:.4g}" for name, value in terms.items()}, refresh=False)
        self._training.update(trainer.global_step - self._training.n)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._training.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._validation.close()
        self._training.close()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._validation = self._bar("validating", int(sum(trainer.num_val_batches)), leave=False)

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        self._validation.update()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._validation.close()

    def _bar(self, title: str, total: int, **options: Any) -> "tqdm[Any]":
        shown = {"disable": not self._enabled, "mininterval": self._seconds, "dynamic_ncols": True, "file": sys.stderr}
        return tqdm(desc=title, total=total, **shown, **options)
