"""Training by reconstruction: hide a part of a photograph, fill it, compare with the truth."""

from collections.abc import Callable, Iterable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from inlay.checkpoints import KEY, provenance
from inlay.losses import WeightedSum
from inlay.metrics import InpaintingMetrics
from inlay.ops import composite, erase
from inlay.types import Batch, Prediction


class ReconstructionTask(pl.LightningModule):
    """One network, one optimizer, a weighted sum of losses.

    Works for any network with ``forward(masked, mask) -> raw``. The hole is erased here, before the network sees
    anything (shapes and polarity: :mod:`inlay.types`).

    Args:
        net: the network.
        loss: compares its answers with the truth.
        optimizer: from parameters (a Hydra partial).
        scheduler: from an optimizer (a Hydra partial); stepped once an iteration.
        config: the resolved configuration of the run, plain containers; every checkpoint carries it.
        compile: whether to compile the network (in place, so that weights keep their names).
    """

    def __init__(
        self,
        net: nn.Module,
        loss: WeightedSum,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
        config: dict[str, Any],
        compile: bool = False,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.metrics = InpaintingMetrics()
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._config = config
        if compile:
            self.net.compile()

    def forward(self, image: Tensor, mask: Tensor) -> Prediction:
        """Fill the hole of an image; what is under the mask is never read."""
        raw = self.net(erase(image, mask), mask)
        return Prediction(raw, composite(raw, image, mask))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        image, mask = batch["image"], batch["mask"]
        prediction = self(image, mask)
        total: Tensor
        total, terms = self.loss(prediction.raw, prediction.composite, image, mask)
        named = {"loss": total.detach()} | terms
        self.log_dict({f"train/{name}": value for name, value in named.items()}, prog_bar=True)
        return total

    def validation_step(  # type: ignore[override]  # callbacks are handed any value
        self, batch: Batch, batch_idx: int
    ) -> Prediction:
        """Fill a batch and take it into the metrics; the answer goes to the callbacks."""
        image, mask = batch["image"], batch["mask"]
        prediction: Prediction = self(image, mask)
        self.metrics.update(prediction.composite, image, mask)
        return prediction

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation set."""
        self.log_dict({f"val/{name}": value for name, value in self.metrics.compute().items()})
        self.metrics.reset()

    def configure_optimizers(self) -> Any:
        """The optimizer over what is trainable, and its schedule by iterations."""
        optimizer = self._optimizer(p for p in self.net.parameters() if p.requires_grad)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self._scheduler(optimizer), "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint say how to rebuild the network."""
        checkpoint[KEY] = provenance(self._config)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Log the learning rate beside the loss."""
        self.log("train/lr", torch.tensor(optimizer.param_groups[0]["lr"]))
