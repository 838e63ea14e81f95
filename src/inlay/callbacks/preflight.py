"""A table of what a run will take, printed before its first step, and warnings of settings that are absurd."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import cast

import pytorch_lightning as pl
from rich.filesize import pick_unit_and_suffix
from rich.table import Table

from inlay.callbacks.checkpoints import Checkpoints
from inlay.callbacks.run_stats import RunStats, collect, parts_of
from inlay.errors import InlayError
from inlay.printing import console
from inlay.tasks.base import Task

log = logging.getLogger(__name__)

_FASTER = 10  # times the recipe's learning rate
_MOST_PASSES = 2000
_FEWEST_HOLES, _MOST_HOLES = 0.01, 0.9
_BYTES = ["B", "KiB", "MiB", "GiB"]
_OPERATIONS = ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"]


class Preflight(pl.Callback):
    """Before the first step, print parameters, computation, memory and data of the run; warn where they are absurd.

    A step is computed for two pictures and thrown away: a run with it ends on the same bits as one without.

    Args:
        reference_lr: learning rate of the recipe, to warn of ten times as much; None where it is not known.
        reference_batch: smallest batch that the recipe's authors advise, to warn of fewer; None where there is none.
        milestones: what a sound run of the recipe has reached by when, a line each.

    Raises:
        InlayError: a number is out of range.
    """

    def __init__(
        self,
        reference_lr: float | None = None,
        reference_batch: int | None = None,
        milestones: Sequence[str] = (),
    ) -> None:
        for name, number in {"reference_lr": reference_lr, "reference_batch": reference_batch}.items():
            if number is not None and number <= 0:
                raise InlayError(f"callbacks.preflight.{name} must be null or above 0, got {number}.")
        self.reference_lr, self.reference_batch, self.milestones = reference_lr, reference_batch, milestones
        self._parts: dict[str, dict[str, int]] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Count parameters while they are all here: some strategies share them out over the processes."""
        self._parts = parts_of(cast(Task, pl_module))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure in the first process alone; the others wait no longer than a small step takes."""
        if not trainer.is_global_zero:
            return
        found = collect(trainer, cast(Task, pl_module), self._parts)
        console().print(table(found))
        for line in self.milestones:
            log.info("%s", line)
        kept = [each for each in trainer.callbacks if isinstance(each, Checkpoints)]  # type: ignore[attr-defined]
        room = (line for each in kept for line in disk_warning(found, each))
        for line in (*warnings(found, self.reference_lr, self.reference_batch), *room):
            log.warning("%s", line)


def warnings(found: RunStats, reference_lr: float | None = None, reference_batch: int | None = None) -> Iterator[str]:
    """What is absurd, a line each, with what to do."""
    rate, pictures = found.learning_rate, f"{found.training:,} training pictures"
    if reference_lr is not None and rate >= _FASTER * reference_lr:
        yield (
            f"optimizer.lr={rate:g} is {rate / reference_lr:,.0f} times the recipe's {reference_lr:g}: "
            f"training will hardly be stable. Set optimizer.lr={reference_lr:g}."
        )
    if reference_batch is not None and found.batch < reference_batch:
        yield (
            f"data.batch_size={found.batch} is below {reference_batch}, under which the recipe's authors saw clearly "
            f"worse results. Set data.batch_size={reference_batch}, on more GPUs if one has no room for it."
        )
    if found.only is None and found.batch > found.training:
        yield (
            f"data.batch_size={found.batch} is more than the {pictures}: a batch holds "
            f"some of them several times. Train with more pictures, or set data.batch_size={found.training} at most."
        )
    if found.only is None and found.passes < 1:
        enough = -(-found.training // found.batch)
        yield (
            f"iterations={found.iterations} see {found.passes:.0%} of the {pictures}. To see "
            f"all of them set iterations={enough} at least."
        )
    if found.small:
        yield (
            f"{found.small:.0%} of the training pictures are smaller than data.image_size, and will be enlarged. "
            "Set a smaller data.image_size, or leave them out."
        )
    if found.only is None and found.passes > _MOST_PASSES:
        fewer = max(1, _MOST_PASSES * found.training // found.batch)
        yield (
            f"iterations={found.iterations} pass {found.passes:,.0f} times over {pictures}: the "
            f"network will know them by heart. Train with more pictures, or set iterations={fewer} at most."
        )
    if isinstance(found.holes, list) and not _FEWEST_HOLES <= (mean := fmean(found.holes)) <= _MOST_HOLES:
        what = "hardly any of a picture" if mean < _FEWEST_HOLES else "nearly all of a picture"
        yield (
            f"masks hide {what}: {mean:.2%} on average of {len(found.holes)}. Look at them with "
            "`inlay masks preview`, with the run's masks= and data=, and choose others, or other sizes."
        )
    if not isinstance(found.memory, str) and found.memory.total > found.memory.there:
        yield (
            f"about {_bytes(found.memory.total)} of memory are needed, and {found.memory.device} has "
            f"{_bytes(found.memory.there)}. Lower data.batch_size={found.batch}, raise task.accumulate="
            f"{found.accumulate}, or, with a network that has it, set model.gradient_checkpointing=true."
        )


def disk_warning(found: RunStats, checkpoints: Checkpoints) -> Iterator[str]:
    """Whether there is room for the checkpoints that a run keeps, and for the one that is being written."""
    if isinstance(found.memory, str):
        return
    each = found.memory.weights + found.memory.optimizer + found.memory.average
    folder = checkpoints.folder.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    count, free = checkpoints.keep + 3, shutil.disk_usage(there).free
    if count * each > free:
        yield (
            f"{checkpoints.folder}: {count} checkpoints of {_bytes(each)}, one every {checkpoints.every} iterations, "
            f"need {_bytes(count * each)}, and {_bytes(free)} are free. Make room, or give run_dir=... on another disk."
        )


def table(found: RunStats) -> Table:
    """Everything, for a person to read."""
    shown = Table(title="Before the first step", show_header=False, title_justify="left")
    for title, rows in (
        ("parameters", _parameters(found)),
        ("computation", _computation(found)),
        ("memory", _memory(found)),
        ("data", _data(found)),
    ):
        for number, (name, value) in enumerate(rows):
            shown.add_row("" if number else title, name, value)
        shown.add_section()
    return shown


def _parameters(found: RunStats) -> Iterator[tuple[str, str]]:
    for name, counts in found.parts.items():
        yield name, ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def _computation(found: RunStats) -> Iterator[tuple[str, str]]:
    yield "a training step", _operations(found.step if isinstance(found.step, str) else found.step.flops)
    if found.fill is not None:
        yield "filling a hole", _operations(found.fill)


def _memory(found: RunStats) -> Iterator[tuple[str, str]]:
    memory = found.memory
    if isinstance(memory, str):
        yield "of a process", _unknown(memory)
        return
    yield "weights", _bytes(memory.weights)
    yield "gradients", _bytes(memory.gradients)
    yield "optimizer", _bytes(memory.optimizer)
    if memory.average:
        yield "average of weights", _bytes(memory.average)
    each = memory.activations / found.at_once
    yield "activations", f"{_bytes(memory.activations)} ({found.at_once} pictures x {_bytes(each)})"
    yield "together, at least", f"{_bytes(memory.total)} of {_bytes(memory.there)} ({memory.device})"


def _data(found: RunStats) -> Iterator[tuple[str, str]]:
    yield "training", f"{found.training:,} pictures"
    yield "validation", f"{found.validation:,} pictures"
    shares = f"{found.batch} pictures"
    if found.processes > 1:
        shares += f", {found.batch // found.processes} in each of {found.processes} processes"
    if found.accumulate > 1:
        shares += f", computed in {found.accumulate} parts"
    yield "a batch", shares
    yield "iterations", f"{found.iterations:,}"
    again = f"the first {found.only} samples again and again"
    yield "passes", again if found.only else f"{found.passes:,.1f} over the training pictures"
    if isinstance(found.holes, str):
        yield "holes", _unknown(found.holes)
    elif found.holes is not None:
        low, high = min(found.holes), max(found.holes)
        yield f"holes of {len(found.holes)} masks", f"{fmean(found.holes):.1%} of a picture, {low:.1%} to {high:.1%}"


def _unknown(reason: str) -> str:
    return f"not measured ({reason})"


def _operations(count: float | str) -> str:
    return _unknown(count) if isinstance(count, str) else f"{_scaled(count, 1000, _OPERATIONS)} a picture"


def _bytes(count: float) -> str:
    return _scaled(count, 1024, _BYTES)


def _scaled(count: float, base: int, units: list[str]) -> str:
    size, unit = pick_unit_and_suffix(int(count), units, base)
    return f"{count / size:,.1f} {unit}"
