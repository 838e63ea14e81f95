"""What every recipe that trains a network to fill holes has in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from inlay.metrics import InpaintingMetrics, MetricSpec
from inlay.ops import composite, erase
from inlay.tasks.base import Task
from inlay.types import Batch, Prediction


class InpaintingTask(Task):
    """A network that fills holes: its validation, and its pictures. Arguments: see :class:`Task`."""

    scores: ClassVar[Sequence[MetricSpec]] = InpaintingMetrics.scores

    def __init__(self, *parts: Any, **settings: Any) -> None:
        super().__init__(*parts, **settings)
        self.metrics = InpaintingMetrics()

    @abstractmethod
    def fill(self, batch: Batch) -> Prediction:
        """Fill the holes of a batch as a user would have them filled; what is under the mask is never read."""

    def averaged_modules(self) -> Mapping[str, nn.Module]:
        """The modules that fill holes, by their names in the task: what an average of weights is taken of."""
        return {"net": self.net}

    def grid_columns(self, batch: Batch, prediction: Prediction) -> dict[str, Tensor]:
        """The pictures of a grid by title, each ``(B, 3, H, W)``."""
        image, mask = batch["image"], batch["mask"]
        masked = erase(image, mask)
        return {"masked": masked, "raw": prediction.raw, "composite": prediction.composite, "original": image}

    def grid_captions(self, batch: Batch, words: bool) -> list[str]:
        """A line of text for each row of a grid: the caption, where there is one.

        Args:
            batch: what the grid shows.
            words: whether to say which words were looked at, too; only networks that read know.
        """
        return batch.get("caption", [])

    def validation_step(self, batch: Batch, batch_idx: int) -> Prediction:  # type: ignore[override]  # callbacks are handed any value
        """Fill a batch and take it into the metrics; the answer goes to the callbacks."""
        prediction = self.fill(batch)
        self.metrics.update(prediction.composite, batch["image"], batch["mask"])
        return prediction

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation set."""
        self.log_dict({f"val/{name}": value for name, value in self.metrics.compute().items()})
        self.metrics.reset()


def predicted(raw: Tensor, batch: Batch) -> Prediction:
    """An answer and its composite."""
    return Prediction(raw, composite(raw, batch["image"], batch["mask"]))
