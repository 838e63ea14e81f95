"""An average of the weights, which is what validation sees and users get."""

from collections.abc import Iterator
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from inlay.checkpoints import AVERAGE
from inlay.errors import InlayError
from inlay.tasks import InpaintingTask


class EMA(pl.Callback):
    """Keep an exponential moving average of the modules that fill holes; discriminators and text-image models stay out.

    The average takes the weights' place during validation, and every checkpoint holds it beside them;
    :func:`inlay.checkpoints.build_network` prefers it.

    Args:
        decay: share of the old average that a step keeps. Less in the beginning, ``(1 + step) / (10 + step)``, so that
            the first weights are soon forgotten.

    Raises:
        InlayError: ``decay`` is out of range.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise InlayError(f"callbacks.ema.decay must lie between 0 and 1, got {decay}.")
        self.decay = decay
        self._average: dict[str, Tensor] = {}
        self._steps = 0
        self._swapped = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin with the weights as they are, unless a resumed run brought its average."""
        live = dict(_weights(pl_module))
        if any(isinstance(weight, DTensor) for weight in live.values()):
            raise InlayError("callbacks=averaged needs whole weights, trainer=fsdp shares them out. Choose one.")
        restored, self._average = self._average, {name: weight.detach().clone() for name, weight in live.items()}
        for name, weight in restored.items():
            self._average[name].copy_(weight)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        if trainer.global_step == self._steps:
            return
        self._steps = trainer.global_step
        live = [weight.detach() for _, weight in _weights(pl_module)]
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        get_ema_multi_avg_fn(decay)(list(self._average.values()), live, self._steps)  # type: ignore[no-untyped-call]

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._swap(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on with the weights; checkpoints are written after this."""
        self._swap(pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Put the weights back if it struck in a validation; a checkpoint may be written next."""
        if self._swapped:
            self._swap(pl_module)

    @torch.no_grad()
    def _swap(self, pl_module: pl.LightningModule) -> None:
        for name, weight in _weights(pl_module):
            kept = weight.detach().clone()
            weight.copy_(self._average[name])
            self._average[name].copy_(kept)
        self._swapped = not self._swapped

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._steps = state_dict["steps"]

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: Any) -> None:
        checkpoint[AVERAGE] = dict(self._average)

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: Any) -> None:
        self._average = checkpoint.get(AVERAGE, {})


def _weights(task: pl.LightningModule) -> Iterator[tuple[str, Tensor]]:
    """What is averaged, named as in the task's state dict: parameters that are trained, and no others."""
    for name, module in cast(InpaintingTask, task).averaged_modules().items():
        for key, parameter in module.named_parameters():
            if parameter.requires_grad:
                yield f"{name}.{key}", parameter
