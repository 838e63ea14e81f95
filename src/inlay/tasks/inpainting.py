"""What all recipes that train a network to fill holes have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork
from inlay.ops import composite, erase, target_of
from inlay.tasks.base import Task
from inlay.text import TextEncoder, Tokenizer
from inlay.types import Batch, Prediction, TextFeatures


class InpaintingTask(Task):
    """A network that fills holes: how it is called, its validation, its picture grids.

    Metrics are updated with ``(composite, target, mask)``.

    Args:
        net: the network; what it takes besides image and mask, its class declares.
        loss: the training loss.
        text: reads captions, for a network that takes text; trained with the network as far as it is not frozen.
        settings: see :class:`Task`.

    Raises:
        InlayError: the network takes text and there is no encoder, or the other way round.
    """

    net: InpaintingNetwork

    def __init__(
        self, net: InpaintingNetwork, loss: nn.Module, *, text: TextEncoder | None = None, **settings: Any
    ) -> None:
        super().__init__(net, loss, **settings)
        self.text = text
        name = type(net).__name__
        if not isinstance(net, InpaintingNetwork):
            raise InlayError(f"{name} fills no holes, and this task trains a network that does. Choose another model=.")
        if net.takes_text and self.text_encoder() is None:
            raise InlayError(f"{name} takes text. Choose what reads captions: text=gru (or lstm, clip, bert).")
        if text is not None and not net.takes_text:
            raise InlayError(f"text= does nothing: {name} takes no text. Leave it out.")

    def text_encoder(self) -> TextEncoder | None:
        """The encoder of captions: that of the run, or the network's own."""
        return self.text or cast(TextEncoder | None, self.net.own_text_encoder())

    def read(self, batch: Batch) -> TextFeatures:
        """Features of the captions of a batch."""
        if "tokens" not in batch:
            raise InlayError(f"{type(self.net).__name__} takes text, but the data has no captions. Try data=cub.")
        features: TextFeatures = cast(TextEncoder, self.text_encoder())(batch["tokens"])
        return features

    def fill(self, batch: Batch) -> Prediction:
        """Fill the holes of a batch; what is under the mask is never read.

        Noise is drawn in training; in validation there is none, so that the output is the deterministic one.
        """
        image, spec = batch["image"], self.net.noise_spec
        *stages, raw = self.net.inpaint_stages(
            image,
            batch["mask"],
            text=self.read(batch) if self.net.takes_text else None,
            reference=batch.get("reference"),
            noise=torch.randn(spec.shape(image), device=image.device) if spec is not None and self.training else None,
        )
        return predicted(raw, batch, stages)

    def loss_of(self, prediction: Prediction, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of loss terms on a prediction, and each term by name."""
        raw, composite, stages = prediction
        total, terms = self.loss(raw, composite, target_of(batch), batch["mask"], stages)
        return total, terms

    @override
    def tokenizers(self) -> dict[str, Tokenizer]:
        encoder = self.text_encoder()
        return {} if encoder is None else {"tokens": encoder.tokenizer}

    def averaged_modules(self) -> Mapping[str, nn.Module]:
        """The modules that fill holes, by their names in the task: an average of weights is taken of these."""
        return {"net": self.net} if self.text is None else {"net": self.net, "text": self.text}

    def grid_columns(self, batch: Batch, prediction: Prediction) -> dict[str, Tensor]:
        """The pictures of a grid by title, each ``(B, 3, H, W)``."""
        image, mask = batch["image"], batch["mask"]
        columns = {"masked": erase(image, mask), "raw": prediction.raw, "composite": prediction.composite}
        return columns | {"original": target_of(batch)}

    def grid_captions(self, batch: Batch, words: bool) -> list[str]:
        """The captions of a batch, if it has some, a line for each row of a grid.

        With ``words`` the words with the most attention are added, by networks that know them.
        """
        return batch.get("caption", [])

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> Prediction:  # type: ignore[override]  # callbacks take any
        prediction = self.fill(batch)
        self.update_metrics(batch, prediction)
        return prediction

    def update_metrics(self, batch: Batch, prediction: Prediction) -> None:
        """Compare a batch's composites with their targets."""
        if self.metrics is not None:
            cast(Any, self.metrics).update(prediction.composite, target_of(batch), batch["mask"])

    @override
    def on_validation_epoch_end(self) -> None:
        self.log_metrics()


def predicted(raw: Tensor, batch: Batch, stages: Sequence[Tensor] = ()) -> Prediction:
    """A network's output and its composite."""
    return Prediction(raw, composite(raw, batch["image"], batch["mask"]), stages)
