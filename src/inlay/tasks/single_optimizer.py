"""Recipes with one optimizer, which Lightning steps; a batch may be computed in parts."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, cast

from torch import Tensor
from typing_extensions import override

from inlay.metrics import MetricSpec
from inlay.ops import target_of
from inlay.tasks.base import Task
from inlay.tasks.inpainting import InpaintingTask
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


class ReconstructionTask(SingleOptimizerTask, InpaintingTask):
    """One network, one optimizer, a weighted sum of losses.

    Works for any :class:`~inlay.models.base.InpaintingNetwork`, which never sees what is under the mask.
    """

    @override
    def batch_loss(self, batch: Batch) -> Loss:
        return Loss(*self.loss_of(self.fill(batch), batch))


class SupervisedTask(SingleOptimizerTask):
    """One network, one optimizer: ``loss(net(image), target)``, whatever the target is: an image, a mask, a label.

    The loss returns a scalar, or the total and its terms by name. Validation logs ``val/loss``, the mean over pictures,
    and the metrics, which are updated with ``(output, target)``. Arguments: see :class:`Task`.
    """

    scores: ClassVar[Sequence[MetricSpec]] = (MetricSpec("loss", "lower"),)

    @override
    def batch_loss(self, batch: Batch) -> Loss:
        return self._compared(batch)[0]

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Log the loss of a batch and update the metrics."""
        loss, output = self._compared(batch)
        self.log("val/loss", loss.total, batch_size=len(batch["image"]), sync_dist=True)
        if self.metrics is not None:
            cast(Any, self.metrics).update(output, target_of(batch))
        return output

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation set."""
        self.log_metrics()

    def _compared(self, batch: Batch) -> tuple[Loss, Tensor]:
        output = self.net(batch["image"])
        loss = self.loss(output, target_of(batch))
        return Loss(*loss) if isinstance(loss, tuple) else Loss(loss, {}), output
