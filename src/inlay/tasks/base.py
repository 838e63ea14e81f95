"""What every recipe has in common, whatever it trains."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, ClassVar, NamedTuple, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from inlay.checkpoints import META_KEY
from inlay.checkpoints.provenance import provenance
from inlay.data.loader import SampleLoader, TrainingLoader
from inlay.distributed import all_reduce_mean, rank_and_world
from inlay.errors import InlayError, one_line
from inlay.metrics import MetricSpec
from inlay.randomness import RngStream, torch_seed
from inlay.tasks.optimization import BufferSnapshot, Loss, clip_or_drop_gradients, not_finite, trainable, zero
from inlay.text import Tokenizer
from inlay.types import Batch

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]


class NonFiniteStep(NamedTuple):
    """A step that was skipped."""

    step: int
    """Iterations that were done before it."""
    terms: list[str]
    """Of the loss, those that were not finite in this process; none where only gradients were not."""


class Replayed(NamedTuple):
    """A step that is computed again, and the process whose it was."""

    step: int
    """Iterations that were done before it."""
    rank: int
    world: int


class Task(pl.LightningModule, ABC):
    """A network, its loss, and how it is optimized; checkpoints that say what they are.

    What is not finite never reaches the weights: the step is skipped, with all that it would have left behind, and
    :attr:`fault` says so until the next batch. It still counts as an iteration, so that schedule, data and logs go on
    as they would have.

    Args:
        net: the network.
        loss: what it is trained on.
        optimizer: from parameters (a Hydra partial).
        scheduler: from an optimizer (a Hydra partial); stepped once an iteration.
        config: the resolved configuration of the run, plain containers; every checkpoint carries it.
        compile: whether to compile the network (in place, so that weights keep their names).
        gradient_clip: largest norm of the gradient; None for any.
        accumulate: parts that a batch is computed in, one after the other: less memory, more time, the same step but
            for what networks and losses compute across a batch (batch norm, a matcher's other captions) and for
            dropout, which draws for each part anew.

    Raises:
        InlayError: a number is out of range.
    """

    scores: ClassVar[Sequence[MetricSpec]] = ()
    """What validation logs under ``val/``, and which way it is better: what ``monitor`` can name."""

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler,
        config: dict[str, Any],
        compile: bool = False,
        gradient_clip: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__()
        if gradient_clip is not None and gradient_clip <= 0:
            raise InlayError(f"task.gradient_clip must be null or above 0, got {gradient_clip}.")
        if accumulate < 1:
            raise InlayError(f"task.accumulate must be at least 1, got {accumulate}.")
        self.net = net
        self.loss = loss
        self.gradient_clip, self.accumulate = gradient_clip, accumulate
        self.fault: NonFiniteStep | None = None
        """What was wrong with the latest batch, if anything."""
        self.at_edge = True
        """Whether all is as between two steps: no optimizer of the step at hand has had its turn yet."""
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._config = config
        self._remembered: list[BufferSnapshot] = []
        self._in_batch = False
        self._terms: dict[str, Tensor] = {}
        self._replayed: Replayed | None = None
        if compile:
            self.net.compile()

    @classmethod
    def higher_is_better(cls, monitor: str) -> bool:
        """Which way a metric of validation is better.

        Raises:
            InlayError: validation logs none of this name; the message has those there are.
        """
        known = {f"val/{score.name}": score for score in cls.scores}
        if monitor not in known:
            names = sorted(name for name in known if name.count("/") == 1)
            buckets = sorted(name for name in known if name.count("/") > 1)
            more = f" Or by hole ratio, as {buckets[0]}." if buckets else ""
            raise InlayError(f"monitor={monitor} is not measured. Choose one of: {', '.join(names)}.{more}")
        return bool(known[monitor].higher_is_better)

    @abstractmethod
    def losses(self, batch: Batch, part: int = 0) -> Iterator[Loss]:
        """What a step makes small, a loss for each optimizer in their order. Nothing is stepped or logged.

        Args:
            batch: the batch, or one part of it.
            part: which.
        """

    @property
    def seed(self) -> int:
        """Of the run."""
        return int(self._config.get("seed", 0))

    @property
    def step(self) -> int:
        """Iterations done so far: the address of what the one at hand draws."""
        return self.global_step if self._replayed is None else self._replayed.step

    @property
    def rank_and_world(self) -> tuple[int, int]:
        """Which process draws, and of how many."""
        return rank_and_world() if self._replayed is None else (self._replayed.rank, self._replayed.world)

    def replay(self, replayed: Replayed) -> None:
        """Draw from here on what another process drew once."""
        self._replayed = replayed

    @property
    def settings(self) -> dict[str, Any]:
        """The resolved configuration of the run."""
        return self._config

    def tokenizers(self) -> dict[str, Tokenizer]:
        """What turns captions into tokens, by the key that the tokens get in a batch."""
        return {}

    def seed_draws(self, part: int = 0) -> None:
        """Give what PyTorch draws from here on (dropout) an address: the step, the process, a part of the batch."""
        rank, _ = self.rank_and_world
        torch.manual_seed(torch_seed(self.seed, RngStream.DROPOUT, self.step, (part << 32) + rank))

    def log_terms(self, terms: Mapping[str, Tensor], on_the_bar: Iterable[str] | None = None) -> None:
        """Log the terms of a step under ``train/``, as the mean over processes where they are written down.

        Args:
            terms: scalars by name.
            on_the_bar: which of them the progress bar shows; None for all.
        """
        self._terms = dict(terms)
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by Lightning, unknown to mypy
        is_written = (self.trainer.fit_loop.epoch_loop._batches_that_stepped + 1) % every == 0
        shown = set(terms) if on_the_bar is None else set(on_the_bar)
        for name, value in (all_reduce_mean(terms) if is_written else terms).items():
            self.log(f"train/{name}", value, prog_bar=name in shown)

    def configure_callbacks(self) -> list[pl.Callback]:
        """None; but it is the first that is asked of a task with a trainer.

        Raises:
            InlayError: the trainer shall do what only the task can.
        """
        for theirs, ours, is_set in (
            ("gradient_clip_val", "gradient_clip", self.trainer.gradient_clip_val is not None),
            ("accumulate_grad_batches", "accumulate", self.trainer.accumulate_grad_batches != 1),
        ):
            if is_set:
                raise InlayError(f"trainer.{theirs} counts other steps than this run does. Set task.{ours} instead.")
        return []

    def configure_model(self) -> None:
        """Share weights out over processes where the strategy wants it (``trainer=fsdp``).

        Raises:
            InlayError: more than one optimizer would need them whole.
        """
        strategy = self.trainer.strategy
        if not isinstance(strategy, ModelParallelStrategy):
            return
        if not self.automatic_optimization:
            raise InlayError("trainer=fsdp works for tasks with one optimizer; this one has two. Use trainer=ddp.")
        if strategy._layer_sync is not None:
            strategy._layer_sync.apply(self)  # Lightning forgets it here (trainer.sync_batchnorm)
        everybody = init_device_mesh(self.device.type, (self.trainer.world_size,))  # Lightning's own is for machines
        for part in self.children():
            if trainable(part) and not any(isinstance(p, DTensor) for p in part.parameters()):
                part.to(memory_format=torch.contiguous_format)  # all that can be cut
                fully_shard(part, mesh=everybody)

    def configure_optimizers(self) -> Any:
        """The optimizer over what is trainable, and its schedule by iterations."""
        optimizer, scheduler = self.optimized(trainable(self))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def optimized(self, parameters: Iterable[nn.Parameter]) -> tuple[Optimizer, LRScheduler]:
        """An optimizer of parameters, and its schedule.

        Raises:
            InlayError: they do not take their settings, or the schedule ends before the run.
        """
        try:
            optimizer = self._optimizer(parameters)
            scheduler = self._scheduler(optimizer)
        except (TypeError, ValueError) as error:
            raise InlayError(f"the settings of optimizer= and scheduler= do not work: {one_line(error)}.") from error
        steps, iterations = getattr(scheduler, "total_steps", None), self._config.get("iterations")
        if steps is not None and iterations is not None and steps < iterations:
            raise InlayError(f"scheduler.total_steps={steps} ends before iterations={iterations}. Leave it out.")
        return optimizer, scheduler

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """A resumed run draws what an uninterrupted one would have drawn, and logs it at the same steps."""
        self.seed_draws()
        zero(self.trainer.optimizers)
        self.fault = None
        if not self._remembered:
            self._remembered = [
                BufferSnapshot(self.modules_of_optimizer(number)) for number in range(len(self.trainer.optimizers))
            ]
        for buffers in self._remembered:
            buffers.remember()
        self._in_batch = True
        # Lightning's own count falls behind with each checkpoint that was written within a validation
        self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.global_step

    def optimizer_zero_grad(self, *args: Any) -> None:
        """Nothing: done when the batch began, and a batch's first parts may have left gradients since."""

    def modules_of_optimizer(self, number: int) -> Iterable[nn.Module]:
        """The modules that an optimizer, by its number, moves."""
        return [self]

    def player(self, number: int) -> str:
        """What the logs put before an optimizer's figures; nothing where there is but one."""
        return ""

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Keep what is not finite from the weights, clip, and log the norm of the gradient and the learning rate."""
        self.at_edge = False
        number = self._number(optimizer)
        norm, player = clip_or_drop_gradients(optimizer, self.gradient_clip), self.player(number)
        if norm is None:
            self.fault = NonFiniteStep(self.step, not_finite(self._terms))
            self._remembered[number].roll_back()
        self.log(f"train/{player}grad_norm", torch.tensor(torch.nan) if norm is None else norm)
        self.log(f"train/{player}lr", torch.tensor(float(optimizer.param_groups[0]["lr"])))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """The step is done."""
        if isinstance(loader := self.trainer.train_dataloader, TrainingLoader):
            loader.trained()
        self.at_edge, self._in_batch = True, False

    def roll_back(self) -> None:
        """Let buffers be what they were before the batch at hand, if one is."""
        for buffers in self._remembered if self._in_batch else ():
            buffers.roll_back()

    def _number(self, optimizer: Optimizer) -> int:
        """Which of the trainer's optimizers it is."""
        return next(n for n, own in enumerate(self.trainer.optimizers) if own is optimizer)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint say how to rebuild the network."""
        loader, held_out = self.trainer.train_dataloader, self.trainer.val_dataloaders
        place = {"epoch": loader.passes, "samples": loader.samples} if isinstance(loader, TrainingLoader) else {}
        if isinstance(loader, TrainingLoader):
            place["train_pictures"] = loader.stream.length
        if isinstance(held_out, SampleLoader):
            place["val_pictures"] = len(cast(Sized, held_out.dataset))
        checkpoint[META_KEY] = provenance(self._config, step=self.global_step, **place)
