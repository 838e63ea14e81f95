"""Learning rate schedules where PyTorch's do not fit every length of a run."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

__all__ = ["OneCycle"]


class OneCycle(OneCycleLR):
    """PyTorch's warm-up and cosine decay, for runs of any length: a warm-up shorter than a step is none.

    PyTorch divides by zero where the warm-up is just one step, and gives a run of one step no learning rate.

    Args:
        optimizer: the scheduled one.
        max_lr: reached at the end of the warm-up; None for the optimizer's own learning rate.
        total_steps: length of the run.
        pct_start: share of the steps that warms up.
        options: further arguments of :class:`torch.optim.lr_scheduler.OneCycleLR`.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | None, total_steps: int, pct_start: float = 0.1, **options: Any
    ) -> None:
        max_lr = optimizer.param_groups[0]["lr"] if max_lr is None else max_lr
        share = pct_start if pct_start * total_steps > 1 else 0.0
        super().__init__(optimizer, max_lr, total_steps=max(total_steps, 2), pct_start=share, **options)
