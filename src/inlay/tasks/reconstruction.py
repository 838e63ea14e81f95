"""Training by reconstruction: hide a part of an image, fill it, compare with the target."""

from typing_extensions import override

from inlay.ops import target_of
from inlay.tasks.inpainting import InpaintingTask
from inlay.tasks.optimization import Loss
from inlay.tasks.single_optimizer import SingleOptimizerTask
from inlay.types import Batch


class ReconstructionTask(SingleOptimizerTask, InpaintingTask):
    """One network, one optimizer, a weighted sum of losses.

    Works for any :class:`~inlay.models.base.InpaintingNetwork`, which never sees what is under the mask.
    """

    @override
    def batch_loss(self, batch: Batch) -> Loss:
        prediction = self.fill(batch)
        return Loss(*self.loss(prediction.raw, prediction.composite, target_of(batch), batch["mask"]))
