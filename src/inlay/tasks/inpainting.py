"""What every recipe that trains a network to fill holes has in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from inlay.checkpoints import KEY, provenance
from inlay.metrics import InpaintingMetrics
from inlay.ops import composite, erase
from inlay.text import Tokenizer
from inlay.types import Batch, Prediction

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]


class InpaintingTask(pl.LightningModule, ABC):
    """A network that fills holes: its validation, its pictures, and what its checkpoints say of it.

    Args:
        net: the network.
        loss: what it is trained on.
        optimizer: from parameters (a Hydra partial).
        scheduler: from an optimizer (a Hydra partial); stepped once an iteration.
        config: the resolved configuration of the run, plain containers; every checkpoint carries it.
        compile: whether to compile the network (in place, so that weights keep their names).
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler,
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

    @abstractmethod
    def fill(self, batch: Batch) -> Prediction:
        """Fill the holes of a batch as a user would have them filled; what is under the mask is never read."""

    def averaged(self) -> Mapping[str, nn.Module]:
        """The modules that fill holes, by their names in the task: what an average of weights is taken of."""
        return {"net": self.net}

    def tokenizers(self) -> dict[str, Tokenizer]:
        """What turns captions into tokens, by the key that the tokens get in a batch."""
        return {}

    def columns(self, batch: Batch, prediction: Prediction) -> dict[str, Tensor]:
        """The pictures of a grid by title, each ``(B, 3, H, W)``."""
        image, mask = batch["image"], batch["mask"]
        masked = erase(image, mask)
        return {"masked": masked, "raw": prediction.raw, "composite": prediction.composite, "original": image}

    def remarks(self, batch: Batch, words: bool) -> list[str]:
        """A line of text under each picture of a grid: its caption, where there is one.

        Args:
            batch: what the grid shows.
            words: whether to say which words were looked at, too; only for networks that read.
        """
        return batch.get("caption", [])

    def validation_step(self, batch: Batch, batch_idx: int) -> Prediction:  # type: ignore[override]  # callbacks are handed any value
        """Fill a batch and take it into the metrics; the answer goes to the callbacks."""
        prediction = self.fill(batch)
        self.metrics.update(prediction.composite, batch["image"], batch["mask"])
        return prediction

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation set."""
        self.log_dict({f"val/{name}": value for name, value in self.metrics.compute().items()})
        self.metrics.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint say how to rebuild the network."""
        checkpoint[KEY] = provenance(self._config)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Log the learning rate beside the loss."""
        self.log("train/lr", torch.tensor(optimizer.param_groups[0]["lr"]))


def predicted(raw: Tensor, batch: Batch) -> Prediction:
    """An answer and its composite."""
    return Prediction(raw, composite(raw, batch["image"], batch["mask"]))


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that an optimizer is for."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
