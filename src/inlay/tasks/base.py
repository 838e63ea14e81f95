"""What every recipe has in common, whatever it trains."""

from collections.abc import Callable, Iterable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from inlay.checkpoints import KEY, provenance
from inlay.distributed import rank_and_world
from inlay.randomness import Stream, torch_seed
from inlay.text import Tokenizer

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]


class Task(pl.LightningModule):
    """A network, its loss, and how it is optimized; checkpoints that say what they are.

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
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._config = config
        if compile:
            self.net.compile()

    @property
    def seed(self) -> int:
        """Of the run."""
        return int(self._config.get("seed", 0))

    def tokenizers(self) -> dict[str, Tokenizer]:
        """What turns captions into tokens, by the key that the tokens get in a batch."""
        return {}

    def seed_draws(self, part: int = 0) -> None:
        """Give what PyTorch draws from here on (dropout) an address: the step, the process, a part of the batch."""
        rank, _ = rank_and_world()
        torch.manual_seed(torch_seed(self.seed, Stream.DROPOUT, self.global_step, (part << 32) + rank))

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """A resumed run draws what an uninterrupted one would have drawn, and logs it at the same steps."""
        self.seed_draws()
        # Lightning's own count falls behind with each checkpoint that was written within a validation
        self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.global_step

    def configure_optimizers(self) -> Any:
        """The optimizer over what is trainable, and its schedule by iterations."""
        optimizer = self._optimizer(trainable(self))
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


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that an optimizer is for."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
