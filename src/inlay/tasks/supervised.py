"""Training any network of one image by comparing its output with a target."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from torch import Tensor
from typing_extensions import override

from inlay.metrics import MetricSpec
from inlay.ops import target_of
from inlay.tasks.optimization import Loss
from inlay.tasks.single_optimizer import SingleOptimizerTask
from inlay.types import Batch


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
