"""Training by reconstruction: hide a part of a photograph, fill it, compare with the truth."""

from inlay.ops import erase
from inlay.tasks.inpainting import InpaintingTask, predicted
from inlay.tasks.optimization import Loss
from inlay.tasks.single_optimizer import SingleOptimizerTask
from inlay.types import Batch, Prediction


class ReconstructionTask(SingleOptimizerTask, InpaintingTask):
    """One network, one optimizer, a weighted sum of losses.

    Works for any network with ``forward(masked, mask) -> raw``. The hole is erased here, before the network sees
    anything (shapes and polarity: :mod:`inlay.types`).
    """

    def fill(self, batch: Batch) -> Prediction:
        """Fill the holes of a batch; what is under the mask is never read."""
        image, mask = batch["image"], batch["mask"]
        return predicted(self.net(erase(image, mask), mask), batch)

    def batch_loss(self, batch: Batch) -> Loss:
        """The loss of a batch."""
        prediction = self.fill(batch)
        return Loss(*self.loss(prediction.raw, prediction.composite, batch["image"], batch["mask"]))
