"""The largest batch that fits into the memory of a GPU."""

import gc
from collections.abc import Callable
from typing import Any

import torch

from inlay.data.datamodule import InpaintingData
from inlay.tasks.base import Task

_STEPS = 3  # of a trial; an optimizer takes its memory in the first
_MOST = 4096  # samples that are tried
_USED = 0.9  # of what fits


def find(task: Task, data: InpaintingData, make_trainer: Callable[..., Any]) -> int:
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
