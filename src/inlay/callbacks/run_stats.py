"""Numbers of a run before its first step: parameters, computation, memory, data."""

import os
import time
from typing import Any, NamedTuple, cast

import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset

from inlay.callbacks.atomic_io import size
from inlay.callbacks.ema import EMA
from inlay.callbacks.flops_memory import StepCosts, attempt, fill_flops, state_bytes, step_costs, without_trace
from inlay.data.loader import SampleLoader, TrainingLoader
from inlay.data.pictures import IndexedPictures
from inlay.data.samples import SampleIndex
from inlay.errors import InlayError
from inlay.tasks import InpaintingTask
from inlay.tasks.base import Task
from inlay.tasks.optimization import trainable
from inlay.types import Batch

_PICTURES = 2  # that a step is measured with: batch norm refuses one
_MASKS = 32
_SECONDS = 1.0  # for them
_LOOKED_AT = 1000  # pictures whose sizes are read in the index


class Memory(NamedTuple):
    """Bytes that a process will need; the workspaces of kernels, and what the allocator keeps back, come on top."""

    weights: int
    gradients: int
    optimizer: int
    average: int
    activations: float
    there: int
    """What the device has; the machine's, shared out evenly, where several processes compute on its processor."""
    device: str
    """What the device is called."""

    @property
    def total(self) -> float:
        """Bytes needed, at least."""
        return self.weights + self.gradients + self.optimizer + self.average + self.activations


class RunStats(NamedTuple):
    """What is known of a run before its first step. What could not be measured is a text, the reason."""

    parts: dict[str, dict[str, int]]
    """Parameters of each part of the task, ``trained`` and ``frozen``."""
    step: StepCosts | str
    fill: float | str | None
    """Operations of filling a picture; None for a recipe that fills none."""
    memory: Memory | str
    holes: list[float] | str | None
    """Hole ratios of some training masks; None for a recipe that does not look at them."""
    learning_rate: float
    """The highest of the optimizers', before any schedule."""
    training: int
    """Pictures to train on."""
    validation: int
    """Pictures to validate on."""
    batch: int
    """Pictures a step, over all processes together."""
    processes: int
    accumulate: int
    """Parts that a process computes its share of the batch in."""
    iterations: int
    only: int | None = None
    """The first samples, which come again and again, if that is wanted."""
    small: float = 0.0
    """Share of the first training pictures that are smaller than a sample."""

    @property
    def passes(self) -> float:
        """How often a run meets every training picture."""
        return self.iterations * self.batch / self.training

    @property
    def at_once(self) -> int:
        """Pictures that a process computes at a time."""
        return -(-self.batch // (self.processes * self.accumulate))


def parts_of(task: Task) -> dict[str, dict[str, int]]:
    """Parameters of the parts that have any, ``trained`` and ``frozen``."""
    found = {}
    for name, module in task.named_children():
        trained, everything = (sum(p.numel() for p in part) for part in (trainable(module), module.parameters()))
        if everything:
            found[name] = {"trained": trained, "frozen": everything - trained}
    return found


def collect(trainer: pl.Trainer, task: Task, parts: dict[str, dict[str, int]]) -> RunStats:
    """Measure. The other processes are not asked, and the run goes on as if nothing had been measured.

    The parts were counted before anything was shared out over processes.
    """
    loader = cast(TrainingLoader, trainer.train_dataloader)
    validation = cast(SampleLoader | None, trainer.val_dataloaders)
    step, fill = _measure(trainer, task, loader)
    found = RunStats(
        parts=parts,
        step=step,
        fill=fill,
        memory="",
        holes=None if fill is None else attempt(lambda: _hole_ratios(loader.dataset, loader.stream.length)),
        learning_rate=max(float(optimizer.defaults["lr"]) for optimizer in trainer.optimizers),
        training=loader.stream.length,
        validation=len(validation.dataset) if validation is not None else 0,  # type: ignore[arg-type]
        batch=(loader.batch_size or 1) * trainer.world_size,
        processes=trainer.world_size,
        accumulate=task.accumulate,
        iterations=trainer.max_steps,
        only=loader.stream.limit,
        small=_small(loader.dataset),
    )
    needed = (
        step if isinstance(step, str) else attempt(lambda: _memory(trainer, task, found.at_once * step.activations))
    )
    return found._replace(memory=needed)


def _measure(trainer: pl.Trainer, task: Task, loader: TrainingLoader) -> tuple[StepCosts | str, float | str | None]:
    """What a step costs, and filling a picture."""
    fills = task if isinstance(task, InpaintingTask) else None
    batch = attempt(lambda: _first_pictures(trainer, loader))
    if isinstance(batch, str):
        return batch, batch if fills else None
    with trainer.precision_plugin.forward_context(), without_trace(task):
        step = attempt(lambda: step_costs(task, batch))
        return step, attempt(lambda: fill_flops(fills, batch)) if fills else None


def _first_pictures(trainer: pl.Trainer, loader: TrainingLoader) -> Batch:
    """Training pictures on the device, as a step gets them."""
    if isinstance(trainer.strategy, pl.strategies.FSDPStrategy | pl.strategies.ModelParallelStrategy):
        raise InlayError("the weights are shared out over the processes")
    addresses = [SampleIndex(*divmod(number, loader.stream.length)) for number in range(_PICTURES)]
    stored = loader.collate_fn([loader.dataset[address] for address in addresses])
    stored.pop("skipped")  # listed when they are met
    return cast(Batch, trainer.strategy.batch_to_device(stored))


def _memory(trainer: pl.Trainer, task: Task, activations: float) -> Memory:
    averaged = any(isinstance(callback, EMA) for callback in trainer.callbacks)  # type: ignore[attr-defined]
    means = cast(InpaintingTask, task).averaged_modules().values() if averaged else []
    device, sharers = trainer.strategy.root_device, trainer.num_devices
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        there, name = properties.total_memory, properties.name
    else:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // sharers
        name = "this machine" if sharers == 1 else f"1/{sharers} of this machine"
    return Memory(
        weights=size([*task.parameters(), *task.buffers()]),
        gradients=size(trainable(task)),
        optimizer=sum(state_bytes(optimizer) for optimizer in trainer.optimizers),
        average=sum(size(trainable(module)) for module in means),
        activations=activations,
        there=there,
        device=name,
    )


def _small(samples: Any) -> float:
    """Going by the sizes that an index holds."""
    pictures = getattr(samples, "pictures", None)
    if not isinstance(pictures, IndexedPictures):
        return 0.0
    sizes = [pictures.index.value(place, "size") for place in range(min(len(pictures), _LOOKED_AT))]
    known: list[bool] = [min(size) < samples.config.size for size in sizes if size]
    return sum(known) / max(len(known), 1)


def _hole_ratios(samples: Dataset[Any], length: int) -> list[float] | None:
    """Of training masks, spread over the first pass, or of several passes over a few pictures; fewer if slow.

    None of samples without a hole.
    """
    until, ratios = time.monotonic() + _SECONDS, list[float]()
    for number in range(_MASKS):
        address = SampleIndex(*divmod(number * max(length // _MASKS, 1), length))
        sample = samples[address]
        if "mask" not in sample:
            return None
        ratios.append(float(sample["mask"].mean()))
        if time.monotonic() > until:
            break
    return ratios
