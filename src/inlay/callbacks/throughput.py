"""How fast a run is, and how much memory it takes."""

import time
from typing import Any

import pytorch_lightning as pl
import torch

from inlay.callbacks.metrics_csv import MetricsCSV

_WARM_UP = 3  # steps that allocate, compile and choose algorithms
_GIB = 2**30


class Throughput(pl.Callback):
    """Log ``speed/...`` to dashboards, at the steps at which the loss is logged.

    ===========================  ===================================================================================
    name                         meaning
    ===========================  ===================================================================================
    ``images_per_second``        of all processes together, on average since the last log: loading included, the
                                 first steps, validations and checkpoints left out
    ``gpu_allocated_gib``        most GPU memory that tensors have taken so far, in GiB, in the first process
    ``gpu_reserved_gib``         most GPU memory that PyTorch has taken from the device so far, in GiB
    ===========================  ===================================================================================

    ``metrics.csv`` gets none of it: a resumed run writes the very file that an uninterrupted one writes.
    """

    def __init__(self) -> None:
        self._left_out = _WARM_UP
        self._images = 0
        self._since = 0.0
        self._step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._left_out, self._step = _WARM_UP, trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count; where the loss is logged, which waits for the device anyway, log."""
        now = time.perf_counter()
        if self._left_out:
            self._left_out -= 1
            self._images, self._since = 0, now
            return
        self._images += len(batch["id"]) * trainer.world_size
        step, self._step = self._step, trainer.global_step
        if self._step == step or self._step % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        speed = {"speed/images_per_second": self._images / (now - self._since)}
        if (device := pl_module.device).type == "cuda":
            speed["speed/gpu_allocated_gib"] = torch.cuda.max_memory_allocated(device) / _GIB
            speed["speed/gpu_reserved_gib"] = torch.cuda.max_memory_reserved(device) / _GIB
        for logger in trainer.loggers:
            if not isinstance(logger, MetricsCSV):
                logger.log_metrics(speed, self._step - 1)  # Lightning counts from 0
        self._images, self._since = 0, now

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._left_out = max(self._left_out, 1)
