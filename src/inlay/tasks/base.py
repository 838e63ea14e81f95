"""What all training recipes have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, ClassVar, NamedTuple, Required, TypedDict, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import override

from inlay.checkpoints import META_KEY
from inlay.checkpoints.provenance import provenance
from inlay.data.loader import SampleLoader, TrainingLoader
from inlay.distributed import all_reduce_mean, rank_and_world
from inlay.errors import InlayError, one_line
from inlay.metrics import MetricSpec
from inlay.randomness import RngStream, torch_seed
from inlay.tasks.optimization import (
    ADAM_MEANS,
    BufferSnapshot,
    Loss,
    clip_or_drop_gradients,
    not_finite,
    start_adam,
    trainable,
)
from inlay.text import Tokenizer
from inlay.types import Batch

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]


class NonFiniteStep(NamedTuple):
    """A skipped step, by the iterations before it, and terms of its loss that were not finite in this process.

    There are no such terms where only gradients were not finite.
    """

    step: int
    terms: list[str]


class Replayed(NamedTuple):
    """The step that a replay computes again, by the iterations before it, and the process that first computed it."""

    step: int
    rank: int
    world: int


class TaskSettings(TypedDict, total=False):
    """Keyword arguments of :class:`Task` that its subclasses pass on."""

    optimizer: Required[MakeOptimizer]
    scheduler: Required[MakeScheduler]
    config: Required[dict[str, Any]]
    metrics: nn.Module | None
    compile: bool
    gradient_clip: float | None
    accumulate: int


class Task(pl.LightningModule, ABC):
    """A network, its loss, and how it is optimized; checkpoints that say what they are.

    A step with a loss or gradient that is not finite never reaches the weights: it is skipped, with all that it would
    have left behind, and :attr:`fault` says so until the next batch. It still counts as an iteration, so that schedule,
    data and logs go on as they would have.

    Args:
        net: the network.
        loss: the training loss.
        optimizer: makes an optimizer of parameters (a Hydra partial).
        scheduler: makes a schedule of an optimizer (a Hydra partial); stepped once per iteration.
        config: the resolved configuration of the run, plain containers; every checkpoint carries it.
        metrics: of validation, with ``update``, ``compute`` and ``reset`` as in torchmetrics; None for none. ``scores``
            of its class, if it has them, say which values are better.
        compile: whether to compile the network (in place, so that weights keep their names).
        gradient_clip: largest norm of the gradient; None for any.
        accumulate: parts that a batch is computed in, one after the other: less memory, more time, the same step but
            for what networks and losses compute across a batch (batch norm, contrastive losses) and for dropout, which
            is drawn for each part anew.

    Raises:
        InlayError: a number is out of range.
    """

    scores: ClassVar[Sequence[MetricSpec]] = ()
    """Metrics that the recipe logs under ``val/`` besides those of ``metrics``, and which values are better."""
    metrics: nn.Module | None

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        *,
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler,
        config: dict[str, Any],
        metrics: nn.Module | None = None,
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
        self.metrics = metrics
        self.gradient_clip, self.accumulate = gradient_clip, accumulate
        self.fault: NonFiniteStep | None = None
        """The step of the latest batch, if it was skipped."""
        self.at_edge = True
        """Whether no optimizer has taken its step of the present batch yet."""
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._running_means: dict[nn.Parameter, dict[str, Tensor]] = {}
        self.settings = config
        """The resolved configuration of the run."""
        self._snapshots: list[BufferSnapshot] = []
        self._in_batch = False
        self._terms: dict[str, Tensor] = {}
        self.replayed: Replayed | None = None
        """A step whose draws are made again from here on."""
        if compile:
            self.net.compile()

    def higher_is_better(self, monitor: str) -> bool:
        """Whether higher values of a metric of validation are better: see :func:`higher_is_better`."""
        return higher_is_better(monitor, type(self), type(self.metrics), self.settings.get("monitor_mode"))

    @abstractmethod
    def losses(self, batch: Batch, part: int = 0) -> Iterator[Loss]:
        """The losses of a batch or of its part, one for each optimizer in their order. Nothing is stepped or logged."""

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.settings.get("seed", 0))

    @property
    def step(self) -> int:
        """Iterations done so far: the address of this step's random draws."""
        return self.global_step if self.replayed is None else self.replayed.step

    @property
    def rank_and_world(self) -> tuple[int, int]:
        """Number of this process, and how many there are; of the replayed one, in a replay."""
        return rank_and_world() if self.replayed is None else (self.replayed.rank, self.replayed.world)

    def tokenizers(self) -> dict[str, Tokenizer]:
        """Tokenizers of captions, by the key that their tokens get in a batch."""
        return {}

    def seed_draws(self, part: int = 0) -> None:
        """Seed PyTorch's global generator (dropout) by the step, the process and the part of the batch."""
        rank, _ = self.rank_and_world
        torch.manual_seed(torch_seed(self.seed, RngStream.DROPOUT, self.step, (part << 32) + rank))

    def log_terms(self, terms: Mapping[str, Tensor], prog_bar: Iterable[str] | None = None) -> None:
        """Log the terms of a step under ``train/``, those of ``prog_bar`` (None for all) in the progress bar, too."""
        self._terms = dict(terms)
        # Processes exchange their terms at those steps alone that are written down.
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by Lightning, unknown to mypy
        is_written = (self.trainer.fit_loop.epoch_loop._batches_that_stepped + 1) % every == 0
        shown = set(terms) if prog_bar is None else set(prog_bar)
        for name, value in (all_reduce_mean(terms) if is_written else terms).items():
            self.log(f"train/{name}", value, prog_bar=name in shown)

    @override
    def configure_callbacks(self) -> list[pl.Callback]:
        # This is the first hook with a trainer, so it refuses the trainer's settings that would count otherwise.
        for theirs, ours, is_set in (
            ("gradient_clip_val", "gradient_clip", self.trainer.gradient_clip_val is not None),
            ("accumulate_grad_batches", "accumulate", self.trainer.accumulate_grad_batches != 1),
        ):
            if is_set:
                raise InlayError(f"trainer.{theirs} counts other steps than this run does. Set task.{ours} instead.")
        return []

    def configure_model(self) -> None:
        """Shard the weights over processes if the strategy does (``trainer=fsdp``).

        Raises:
            InlayError: the task has two optimizers.
        """
        strategy = self.trainer.strategy
        if not isinstance(strategy, ModelParallelStrategy):
            return
        if not self.automatic_optimization:
            raise InlayError("trainer=fsdp works for tasks with one optimizer; this one has two. Use trainer=ddp.")
        if self._running_means:
            raise InlayError("trainer=fsdp cannot share out the running means that init_from brings. Use trainer=ddp.")
        if strategy._layer_sync is not None:
            strategy._layer_sync.apply(self)  # Lightning forgets it here (trainer.sync_batchnorm)
        mesh = init_device_mesh(self.device.type, (self.trainer.world_size,))  # Lightning's own is for machines
        for part in self.children():
            if trainable(part) and not any(isinstance(p, DTensor) for p in part.parameters()):
                part.to(memory_format=torch.contiguous_format)  # the only one that can be sharded
                fully_shard(part, mesh=mesh)

    @override
    def configure_optimizers(self) -> Any:
        optimizer, scheduler = self.optimizer_of(trainable(self), self._optimizer, self._scheduler)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def start_optimizers(self, state: Mapping[str, Tensor]) -> int:
        """Let Adam start with the running means of another run, and say of how many parameters they are.

        Args:
            state: ``NAME.exp_avg``, ``NAME.exp_avg_sq`` and ``NAME.step``, with the names of the task's parameters.
        """
        for name, parameter in self.named_parameters():
            shapes = {"step": torch.Size(()), **dict.fromkeys(ADAM_MEANS, parameter.shape)}
            means = {kind: state[f"{name}.{kind}"] for kind in shapes if f"{name}.{kind}" in state}
            if {kind: mean.shape for kind, mean in means.items()} == shapes:
                self._running_means[parameter] = means
        return len(self._running_means)

    def optimizer_of(
        self, parameters: Iterable[nn.Parameter], optimizer: MakeOptimizer, scheduler: MakeScheduler, prefix: str = ""
    ) -> tuple[Optimizer, LRScheduler]:
        """Make an optimizer of parameters, and its schedule; ``prefix`` is that of the groups' names in messages.

        Raises:
            InlayError: the settings do not work, or the schedule ends before the run.
        """
        try:
            made = optimizer(parameters)
            schedule = scheduler(made)
            start_adam(made, self._running_means)
        except (TypeError, ValueError) as error:
            raise InlayError(
                f"the settings of {prefix}optimizer= and {prefix}scheduler= do not work: {one_line(error)}."
            ) from error
        steps, iterations = getattr(schedule, "total_steps", None), self.settings.get("iterations")
        if steps is not None and iterations is not None and steps < iterations:
            raise InlayError(
                f"{prefix}scheduler.total_steps={steps} ends before iterations={iterations}. Leave it out."
            )
        return made, schedule

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed the step, forget gradients, and remember the buffers in case the step is skipped."""
        self.seed_draws()
        for optimizer in self.trainer.optimizers:
            optimizer.zero_grad()
        self.fault = None
        if not self._snapshots:
            numbers = range(len(self.trainer.optimizers))
            self._snapshots = [BufferSnapshot(self.modules_of_optimizer(number)) for number in numbers]
        for snapshot in self._snapshots:
            snapshot.take()
        self._in_batch = True
        # Lightning's own count falls behind with each checkpoint that was written within a validation
        self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.global_step

    @override
    def optimizer_zero_grad(self, *args: Any) -> None:
        """Do nothing: gradients were zeroed when the batch began, and its first parts may have left some since."""

    def modules_of_optimizer(self, number: int) -> Iterable[nn.Module]:
        """The modules that an optimizer trains, by its number: a skipped step resets their buffers."""
        return [self]

    def optimizer_prefix(self, number: int) -> str:
        """What an optimizer's figures are prefixed with in logs; empty where there is only one."""
        return ""

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients or skip the step, and log the norm of the gradient and the learning rate."""
        self.at_edge = False
        number = next(n for n, own in enumerate(self.trainer.optimizers) if own is optimizer)
        norm, prefix = clip_or_drop_gradients(optimizer, self.gradient_clip), self.optimizer_prefix(number)
        if norm is None:
            self.fault = NonFiniteStep(self.step, not_finite(self._terms))
            self._snapshots[number].restore()
        self.log(f"train/{prefix}grad_norm", torch.tensor(torch.nan) if norm is None else norm)
        self.log(f"train/{prefix}lr", torch.tensor(float(optimizer.param_groups[0]["lr"])))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the samples of a finished step."""
        if isinstance(loader := self.trainer.train_dataloader, TrainingLoader):
            loader.trained()
        self.at_edge, self._in_batch = True, False

    def roll_back(self) -> None:
        """Reset buffers to what they were before the present batch, if there is one."""
        for snapshot in self._snapshots if self._in_batch else ():
            snapshot.restore()

    def log_metrics(self) -> None:
        """Log the metrics of the whole validation set under ``val/``, and reset them."""
        if self.metrics is not None:
            self.log_dict({f"val/{name}": value for name, value in cast(Any, self.metrics).compute().items()})
            cast(Any, self.metrics).reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add how to rebuild the network, and the place in the data."""
        loader, held_out = self.trainer.train_dataloader, self.trainer.val_dataloaders
        place = {}
        if isinstance(loader, TrainingLoader):
            place = {"epoch": loader.passes, "samples": loader.samples, "train_pictures": loader.stream.length}
        if isinstance(held_out, SampleLoader):
            place["val_pictures"] = len(cast(Sized, held_out.dataset))
        checkpoint[META_KEY] = provenance(self.settings, step=self.global_step, **place)


def higher_is_better(monitor: str, task: type[Task], metrics: type | None, mode: str | None = None) -> bool:
    """Whether higher values of a metric of validation are better.

    Args:
        monitor: the metric's name, such as ``val/psnr_hole``.
        task: the recipe.
        metrics: class of its metrics.
        mode: ``max`` or ``min`` for metrics that do not declare it, or to override what they declare.

    Raises:
        InlayError: ``mode`` is unknown; or it is None, and no metric of this name declares which values are better.
    """
    if mode is not None:
        if mode not in ("max", "min"):
            raise InlayError(f"monitor_mode must be max, min or null (what the metric declares), got {mode!r}.")
        return mode == "max"
    known = {f"val/{score.name}": score for score in (*getattr(metrics, "scores", ()), *task.scores)}
    if monitor not in known:
        names = sorted(name for name in known if name.count("/") == 1)
        buckets = sorted(name for name in known if name.count("/") > 1)
        more = f" Or by hole ratio, as {buckets[0]}." if buckets else ""
        raise InlayError(
            f"monitor={monitor} is not measured. Choose one of: {', '.join(names)}.{more} "
            "For a metric that declares no direction, set monitor_mode=max or min."
        )
    return bool(known[monitor].higher_is_better)
