"""Which settings can be tuned, for which runs, and how the value found is printed."""

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from inlay.data.datamodule import InpaintingData
from inlay.data.loader import ENDLESS
from inlay.errors import InlayError
from inlay.printing import say
from inlay.runs.folder import archive_existing
from inlay.tasks.base import Task
from inlay.tuning import learning_rate

PLOT = "lr_find.png"
_STEPS = 3  # of a trial; an optimizer takes its memory in the first
_MOST = 4096  # samples that are tried
_USED = 0.9  # of what fits
BARE: dict[str, Any] = {
    "logger": False,
    "callbacks": [],
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "num_sanity_val_steps": 0,
    "val_check_interval": ENDLESS,
}
"""Keywords of a trainer that trains and does nothing else, so that nothing of a run is touched."""


def run(what: str, task: Task, data: InpaintingData, make_trainer: Callable[..., Any]) -> None:
    """Try values of ``lr`` or ``batch_size``, and print the best one as it is given on the command line.

    The run's folder stays as it was, but for the plot of the learning rate.

    Args:
        what: which of the two.
        task: as the run would train it; its weights are spoiled afterwards.
        data: to train on.
        make_trainer: makes the run's ``pytorch_lightning.Trainer``, given further keywords.

    Raises:
        InlayError: this cannot be tuned in this recipe or on this device, or no value was found.
    """
    make_bare = partial(make_trainer, **BARE)
    check(what, task, make_bare())
    if what == "lr":
        plot = Path(task.settings["run_dir"]) / PLOT
        _print_rate(learning_rate.rise(task, data, make_bare, plot.parent), plot)
    else:
        fitting = largest_batch(task, data, make_bare)
        if not fitting:
            raise InlayError("not even the smallest batch fits. Lower data.image_size or model.width.")
        say(f"data.batch_size={fitting}\nA tenth of what fits is left for validation and averages of weights.")


def check(what: str, task: Task, trainer: Any) -> None:
    """Refuse what cannot be tuned, with an :class:`InlayError` that says why."""
    if not task.automatic_optimization:
        raise InlayError(
            f"inlay tune {what} is for recipes with one optimizer: two players have no one loss that should fall, and "
            "no one step that takes the memory. Begin with the values of an experiment of this recipe."
        )
    if trainer.world_size > 1:
        raise InlayError(
            f"inlay tune {what} runs on one device: trainer.devices=1. The learning rate holds for any number of "
            "devices, as data.batch_size counts all of them; multiply a batch size by their number."
        )
    if what == "batch_size" and trainer.strategy.root_device.type != "cuda":
        raise InlayError(
            "inlay tune batch_size looks for the end of a GPU's memory. Without a GPU there is no such end, only a "
            "machine that swaps. Choose data.batch_size=8, for example, and watch the memory."
        )


def _print_rate(curve: learning_rate.LRCurve, path: Path) -> None:
    archive_existing(path.parent, [path.name])
    curve.draw(path)
    if curve.suggestion is None:
        raise InlayError(f"the loss fell nowhere by more than its noise: no optimizer.lr to suggest. Look at {path}.")
    say(f"optimizer.lr={curve.suggestion:.2g}\nThe loss falls fastest there; {path} shows where it rises.")


def largest_batch(task: Task, data: InpaintingData, make_trainer: Callable[..., Any]) -> int:
    """Nine tenths of the largest batch that fits, in whole parts of ``task.accumulate``; 0 if none does.

    Each trial is a short run of its own. Lightning's own search never ends where a batch fails that is larger than
    the data set, and takes the largest size on trust. Afterwards the weights of the task are spoiled, and
    ``data.batch_size`` is the last one tried.
    """

    def fits(part: int) -> bool:
        data.batch_size = part * task.accumulate
        does = _ends(task, data, make_trainer(max_steps=_STEPS))
        gc.collect()  # only here is the error gone, whose traceback holds the batch
        torch.cuda.empty_cache()
        print(f"data.batch_size={data.batch_size} {'fits' if does else 'does not fit'}", flush=True)
        return does

    part = largest(fits, _MOST // task.accumulate)
    return max(int(part * _USED), min(part, 1)) * task.accumulate


def largest(fits: Callable[[int], bool], limit: int) -> int:
    """The largest number from 2 to ``limit`` that fits, to a sixteenth of it; 0 if 2 does not.

    One sample is not tried: batch norm refuses it.
    """
    low, high = 0, 2
    while high <= limit and fits(high):
        low, high = high, 2 * high
    high = min(high, limit + 1)
    while low and high - low > max(1, low // 16):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _ends(task: Task, data: InpaintingData, trainer: Any) -> bool:
    try:
        trainer.fit(task, data)
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or "ALLOC_FAILED" in str(error):  # cuBLAS has words of its own
            return False
        raise
    return True
