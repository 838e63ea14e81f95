"""Recipes with one optimizer, which Lightning steps; a batch may be computed in parts."""

from abc import abstractmethod
from collections.abc import Iterator

from torch import Tensor
from typing_extensions import override

from inlay.tasks.base import Task
from inlay.tasks.optimization import Loss, add_terms, propagate_nonfinite, split
from inlay.types import Batch


class SingleOptimizerTask(Task):
    """A recipe with one loss. Arguments: see :class:`Task`."""

    @abstractmethod
    def batch_loss(self, batch: Batch) -> Loss:
        """The loss of a batch, or of one part of it."""

    @override
    def losses(self, batch: Batch, part: int = 0) -> Iterator[Loss]:
        yield self.batch_loss(batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the gradients of all parts but the last, and return the last one's loss."""
        mean: dict[str, Tensor] = {}
        *earlier, last = split(batch, self.accumulate)
        for number, part in enumerate(earlier):
            self.backward(self._share(part, number, mean))  # DDP exchanges gradients in the last backward alone
        share = self._share(last, len(earlier), mean)
        self.log_terms(mean)
        return share

    def _share(self, part: Batch, number: int, mean: dict[str, Tensor]) -> Tensor:
        """A part's share of the loss; its terms go into their mean."""
        self.seed_draws(number)
        total, terms = self.batch_loss(part)
        add_terms(mean, {"loss": total.detach()} | terms, self.accumulate)
        return propagate_nonfinite(total) / self.accumulate
