"""What becomes of the learning rate over a run, where PyTorch's own schedules do not fit every length."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

__all__ = ["OneCycle"]


class OneCycle(OneCycleLR):
    """PyTorch's warm-up and cosine decay, for runs of any length: a warm-up shorter than a step is none.

    PyTorch divides by zero where the warm-up is just one step, and gives a run of one step no learning rate.

    Args:
        optimizer: whose learning rate.
        max_lr: reached at the end of the warm-up.
        total_steps: of the run.
        pct_start: share of them that warms up.
        options: further ones of :class:`torch.optim.lr_scheduler.OneCycleLR`.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float, total_steps: int, pct_start: float = 0.1, **options: Any
    ) -> None:
        share = pct_start if pct_start * total_steps > 1 else 0.0
        super().__init__(optimizer, max_lr, total_steps=max(total_steps, 2), pct_start=share, **options)
