"""Two players, two optimizers: the one place where optimization is done by hand."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Generic, NamedTuple, TypeVar, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import ParallelStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from inlay.distributed import average_gradients
from inlay.errors import InlayError
from inlay.tasks.base import MakeOptimizer, MakeScheduler, trainable
from inlay.tasks.inpainting import InpaintingTask
from inlay.types import Batch

Answer = TypeVar("Answer")

_ON_THE_BAR = ("loss", "d_loss")  # all else is in the metrics


class Loss(NamedTuple):
    """What a player pays."""

    total: Tensor
    """Scalar."""
    terms: dict[str, Tensor]
    """Its terms by name, scalars without gradient."""


class AdversarialTask(InpaintingTask, Generic[Answer]):
    """A generator and discriminators that take turns: one step each, a batch.

    The discriminators move first, on answers without gradient; then the generator, judged by what they have become.
    A recipe says what the generator answers (:meth:`answer`) and what each side pays; this class does the rest:
    gradients reach the player whose turn it is and nobody else, clipping, schedules, mixed precision, and in
    distributed training the average over processes. One batch is one step, whatever the number of optimizers.

    A run on several processes averages gradients here rather than in DDP's reducer, which waits for every parameter
    in each of the two backward passes.

    Args:
        net: as for :class:`InpaintingTask`.
        discriminators: one or more; all are stepped together.
        loss: likewise.
        optimizer: likewise; makes one optimizer for each player.
        scheduler: likewise; makes one schedule for each.
        config: likewise.
        compile: whether to compile all of them.
        gradient_clip: largest norm of a player's gradient; None for any.
        accumulate: parts that a batch is computed in, one after the other: less memory, more time, the same step.

    Raises:
        InlayError: a number is out of range.
    """

    def __init__(
        self,
        net: nn.Module,
        discriminators: Sequence[nn.Module],
        loss: nn.Module,
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler,
        config: dict[str, Any],
        compile: bool = False,
        gradient_clip: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(net, loss, optimizer, scheduler, config, compile)
        if gradient_clip is not None and gradient_clip <= 0:
            raise InlayError(f"task.gradient_clip must be null or above 0, got {gradient_clip}.")
        if accumulate < 1:
            raise InlayError(f"task.accumulate must be at least 1, got {accumulate}.")
        self.automatic_optimization = False
        self.discriminators = nn.ModuleList(discriminators)
        self.gradient_clip, self.accumulate = gradient_clip, accumulate
        if compile:
            for discriminator in self.discriminators:
                discriminator.compile(dynamic=False)  # three sizes of batch, always the same ones

    @abstractmethod
    def answer(self, batch: Batch, part: int) -> Answer:
        """What the generator makes of a batch, for both turns.

        Args:
            batch: the batch, or one part of it.
            part: which; an answer may be asked for twice, so draws depend on nothing but the step and the part.
        """

    @abstractmethod
    def discriminator_loss(self, batch: Batch, answer: Answer) -> Loss:
        """What the discriminators pay; no gradient of it reaches the generator."""

    @abstractmethod
    def generator_loss(self, batch: Batch, answer: Answer) -> Loss:
        """What the generator pays; the discriminators' parameters ask for no gradient meanwhile."""

    def generator_modules(self) -> Iterable[nn.Module]:
        """The modules that move in the generator's turn."""
        return [self.net]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Both turns."""
        parts = split(batch, self.accumulate)
        kept = self.answer(batch, 0) if len(parts) == 1 else None
        discriminate, generate = cast(list[Optimizer], self.optimizers(use_pl_optimizer=False))

        def answer(number: int, learning: bool) -> Answer:
            if kept is not None:
                return kept
            self.seed_draws(number)  # the second turn computes it again, from the same draws
            with torch.set_grad_enabled(learning):
                return self.answer(parts[number], number)

        losses = (self.discriminator_loss(part, answer(number, False)) for number, part in enumerate(parts))
        terms = self._turn(discriminate, losses, len(parts))
        with self.discriminators_fixed():
            losses = (self.generator_loss(part, answer(number, True)) for number, part in enumerate(parts))
            terms |= self._turn(generate, losses, len(parts))
        for name, value in terms.items():
            self.log(f"train/{name}", value, prog_bar=name in _ON_THE_BAR)
        for schedule in cast(list[Any], self.lr_schedulers()):
            schedule.step()

    def configure_callbacks(self) -> list[pl.Callback]:
        """None; but it is the first that is asked of a task with a trainer.

        Raises:
            InlayError: the trainer shall do what only this class can.
        """
        for theirs, ours, is_set in (
            ("gradient_clip_val", "gradient_clip", self.trainer.gradient_clip_val is not None),
            ("accumulate_grad_batches", "accumulate", self.trainer.accumulate_grad_batches != 1),
        ):
            if is_set:
                raise InlayError(f"trainer.{theirs} does nothing for two players. Set task.{ours} instead.")
        return []

    def configure_optimizers(self) -> Any:
        """An optimizer and a schedule for each player, the discriminators' first."""
        players = [self.discriminators], list(self.generator_modules())
        optimizers = [self._optimizer([p for module in player for p in trainable(module)]) for player in players]
        return optimizers, [self._scheduler(optimizer) for optimizer in optimizers]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip; by now the gradients are unscaled in every precision."""
        super().on_before_optimizer_step(optimizer)
        if self.gradient_clip is not None:
            nn.utils.clip_grad_norm_(_parameters(optimizer), self.gradient_clip)

    def _turn(self, optimizer: Optimizer, losses: Iterator[Loss], parts: int) -> dict[str, Tensor]:
        """One player's step, from the losses of all parts; their terms, to be logged."""
        optimizer.zero_grad()
        mean: dict[str, Tensor] = {}
        with self._without_reducer():
            for total, terms in losses:
                self.manual_backward(total / parts)
                for name, value in terms.items():
                    mean[name] = mean.get(name, 0) + value / parts
        average_gradients(_parameters(optimizer))
        self._step(optimizer)
        return mean

    def _step(self, optimizer: Optimizer) -> None:
        """Step; the generator's counts as the step of the run, the discriminators' does not."""
        wrapped = cast(list[Any], self.optimizers())
        if optimizer is wrapped[-1].optimizer:
            wrapped[-1].step()
        else:
            self.trainer.strategy.optimizer_step(optimizer, closure=lambda: None)

    def _without_reducer(self) -> AbstractContextManager[None]:
        """Backward passes that DDP's reducer takes no notice of."""
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else _nothing()

    @contextmanager
    def discriminators_fixed(self) -> Iterator[None]:
        """No gradient for them."""
        mine = trainable(self.discriminators)
        for parameter in mine:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in mine:
                parameter.requires_grad_(True)


def split(batch: Batch, parts: int) -> list[Batch]:
    """A batch in equal parts, first to last.

    Raises:
        InlayError: it cannot be divided.
    """
    size = len(batch["image"])
    if size % parts:
        raise InlayError(f"task.accumulate={parts} must divide the {size} samples of a process's batch.")
    share = size // parts
    return [cast(Batch, _cut(batch, slice(k * share, (k + 1) * share))) for k in range(parts)] if parts > 1 else [batch]


def _cut(value: Any, rows: slice) -> Any:
    return {key: _cut(item, rows) for key, item in value.items()} if isinstance(value, dict) else value[rows]


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


@contextmanager
def _nothing() -> Iterator[None]:
    yield
