"""Two players, two optimizers: the one place where optimization is done by hand."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Generic, TypeVar, cast

import torch
from pytorch_lightning.strategies import ParallelStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from inlay.distributed import average_gradients
from inlay.models.layers import power_iterations_paused
from inlay.tasks.base import MakeOptimizer, MakeScheduler
from inlay.tasks.inpainting import InpaintingTask
from inlay.tasks.optimization import Loss, add_terms, parameters_of, propagate_nonfinite, split, trainable
from inlay.types import Batch

Answer = TypeVar("Answer")

_ON_THE_BAR = ("loss", "d_loss")  # all else is in the metrics


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
        gradient_clip: likewise; of each player.
        accumulate: likewise.

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
        super().__init__(net, loss, optimizer, scheduler, config, compile, gradient_clip, accumulate)
        self.automatic_optimization = False
        self.discriminators = nn.ModuleList(discriminators)
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

        def discriminators_loss(number: int) -> Loss:
            return self.discriminator_loss(parts[number], answer(number, learning=False))

        def generators_loss(number: int) -> Loss:
            return self.generator_loss(parts[number], answer(number, learning=True))

        terms = self._turn(discriminate, discriminators_loss, len(parts))
        with (
            self.frozen_discriminators(),
            power_iterations_paused([] if kept is not None else self.generator_modules()),
        ):
            terms |= self._turn(generate, generators_loss, len(parts))
        self.log_terms(terms, _ON_THE_BAR)
        for schedule in cast(list[Any], self.lr_schedulers()):
            schedule.step()

    def losses(self, batch: Batch, part: int = 0) -> Iterator[Loss]:
        """See :class:`Task`; the discriminators' first."""
        answer = self.answer(batch, part)
        yield self.discriminator_loss(batch, answer)
        with self.frozen_discriminators():
            yield self.generator_loss(batch, answer)

    def modules_of_optimizer(self, number: int) -> Iterable[nn.Module]:
        """The discriminators first."""
        return self.generator_modules() if number else [self.discriminators]

    def player(self, number: int) -> str:
        """``d_`` for the discriminators."""
        return "" if number else "d_"

    def configure_optimizers(self) -> Any:
        """An optimizer and a schedule for each player, the discriminators' first."""
        players = [self.discriminators], list(self.generator_modules())
        pairs = [self.optimized([p for module in player for p in trainable(module)]) for player in players]
        return [optimizer for optimizer, _ in pairs], [scheduler for _, scheduler in pairs]

    def _turn(self, optimizer: Optimizer, loss: Callable[[int], Loss], parts: int) -> dict[str, Tensor]:
        """One player's step, from the losses of all parts by number; their terms, to be logged.

        Parts of a batch are one forward pass to spectral norm: it iterates in the first of them alone.
        """
        optimizer.zero_grad()
        mean: dict[str, Tensor] = {}
        with self._without_reducer():
            for number in range(parts):
                with power_iterations_paused([self] if number else []):
                    total, terms = loss(number)
                    self.manual_backward(propagate_nonfinite(total) / parts)
                add_terms(mean, terms, parts)
        average_gradients(parameters_of(optimizer))
        self._terms = mean
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
    def frozen_discriminators(self) -> Iterator[None]:
        """No gradient for them."""
        mine = trainable(self.discriminators)
        for parameter in mine:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in mine:
                parameter.requires_grad_(True)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
