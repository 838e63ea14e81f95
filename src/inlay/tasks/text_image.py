"""Training the image and text encoders of a text-image model by contrast."""

from collections.abc import Sequence
from typing import ClassVar, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from inlay.errors import InlayError
from inlay.losses.contrastive import MatchingLoss, false_negatives
from inlay.metrics import MetricSpec
from inlay.models.damsm import DAMSM, ImageFeatures
from inlay.tasks.base import TaskSettings
from inlay.tasks.optimization import Loss
from inlay.tasks.single_optimizer import SingleOptimizerTask
from inlay.text import TextEncoder, Tokenizer
from inlay.types import Batch, TextFeatures, Tokens

RIVALS = 99  # captions of others that a picture's own one has to beat, as in Xu et al. 2018, section 4
_ROWS = 1024  # pictures that r_precision compares with all captions at a time


class TextImageTask(SingleOptimizerTask):
    """Trains an image encoder and a text encoder on pairs of pictures and captions.

    Logs the loss and its terms, and ``val/r_precision`` (see :func:`r_precision`; higher is better), which depends
    neither on the batch size nor on the order of the validation set. The terms under ``val`` do: a batch of one class
    has nothing to tell apart.

    Args:
        net: the image encoder.
        loss: of a batch of pairs.
        text: the text encoder.
        settings: see :class:`Task`; pictures are compared with the captions of their own part of a batch.

    Raises:
        InlayError: there is no text encoder, or the two encoders differ in width.
    """

    scores: ClassVar[Sequence[MetricSpec]] = (
        MetricSpec("r_precision", "higher"),
        MetricSpec("loss", "lower"),
        MetricSpec("words", "lower"),
        MetricSpec("sentence", "lower"),
    )

    def __init__(
        self, net: DAMSM, loss: MatchingLoss, *, text: TextEncoder | None, **settings: Unpack[TaskSettings]
    ) -> None:
        if text is None:
            raise InlayError("task=text_image needs a text encoder, got none. Choose one: text=lstm.")
        if text.dim != net.dim:
            raise InlayError(f"model.dim and text.dim must be equal, got {net.dim} and {text.dim}. Set model.dim.")
        super().__init__(net, loss, **settings)
        self.text = text
        self.retrieval = Retrieval()

    @override
    def tokenizers(self) -> dict[str, Tokenizer]:
        return {"tokens": self.text.tokenizer}

    def forward(self, image: Tensor, tokens: Tokens) -> tuple[ImageFeatures, TextFeatures]:
        """Features of images and captions in the joint space."""
        return self.net(image), self.text(tokens)

    @override
    def batch_loss(self, batch: Batch) -> Loss:
        total, terms, *_ = self._compare(batch)
        return Loss(total, terms)

    @override
    def on_validation_epoch_start(self) -> None:
        self.retrieval = Retrieval()  # an interrupted validation may have left something

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The loss of a batch, and its features for the ranking of the whole set."""
        total, terms, image, text = self._compare(batch)
        named = {f"val/{name}": value for name, value in {"loss": total, **terms}.items()}
        self.log_dict(named, batch_size=len(batch["image"]), sync_dist=True)
        self.retrieval.add(image.whole, text.sentence, batch["tokens"], batch.get("label"))

    @override
    def on_validation_epoch_end(self) -> None:
        # In distributed training each process ranks its share, and the mean is logged.
        self.log("val/r_precision", self.retrieval.compute().to(self.device), sync_dist=True)
        self.retrieval = Retrieval()

    def _compare(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor], ImageFeatures, TextFeatures]:
        if "tokens" not in batch:
            raise InlayError(
                "task=text_image needs captions as tokens, but the batches have none. "
                "Choose text=lstm, and a dataset with captions (data=cub, or an index with captions)."
            )
        tokens = batch["tokens"]
        image, text = self(batch["image"], tokens)
        duplicates, captioned = false_negatives(tokens, batch.get("label")), tokens["words"].any(dim=1)
        total, terms = self.loss(image.regions, image.whole, text, duplicates, captioned)
        return total, terms, image, text


class Retrieval:
    """Collects the features of a whole set on the CPU, batch by batch, to rank them at its end."""

    def __init__(self) -> None:
        self._images: list[Tensor] = []
        self._sentences: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._captions: list[int] = []
        self._numbers: dict[tuple[int, ...], int] = {}

    def add(self, image: Tensor, sentence: Tensor, tokens: Tokens, label: Tensor | None) -> None:
        """Add a batch of features, ``(B, D)`` each, and ``(B,)`` classes; pictures without a caption are left out."""
        captioned = tokens["words"].any(dim=1)
        self._images.append(image[captioned].detach().float().cpu())
        self._sentences.append(sentence[captioned].detach().float().cpu())
        if label is not None:
            self._labels.append(label[captioned].cpu())
        ids_of, attended_of = tokens["input_ids"][captioned].cpu(), tokens["attention_mask"][captioned].cpu()
        for ids, attended in zip(ids_of, attended_of, strict=True):
            self._captions.append(self._numbers.setdefault(tuple(ids[attended].tolist()), len(self._numbers)))

    def compute(self) -> Tensor:
        """:func:`r_precision` of all batches; NaN if there were none."""
        if not self._images:
            return torch.tensor(torch.nan)
        labels = torch.cat(self._labels) if self._labels else None
        return r_precision(torch.cat(self._images), torch.cat(self._sentences), torch.tensor(self._captions), labels)


def r_precision(
    image: Tensor, sentence: Tensor, caption: Tensor, label: Tensor | None = None, rivals: int = RIVALS
) -> Tensor:
    """Share of pictures whose own caption is more similar than random captions of other pictures.

    In ``[0, 1]``, higher is better; chance is ``1 / (rivals + 1)``. Similarity is the cosine; a tie counts as lost.
    Equal captions, and captions of one class, are never rivals. Nothing is drawn: of ``M`` possible rivals, ``c``
    of them at least as similar as the own caption, a draw of ``n`` leaves the own one first with probability
    ``C(M - c, n) / C(M, n)``, and that is averaged. Where ``M`` is smaller than ``rivals``, all ``M`` are drawn.

    Args:
        image: ``(N, D)``.
        sentence: ``(N, D)``, of each picture's own caption.
        caption: ``(N,)`` numbers, equal for equal captions.
        label: ``(N,)`` classes, if the dataset has them.
        rivals: number of captions that are drawn for each picture.

    Returns:
        A scalar; NaN where no picture has a rival (an empty set, or one class alone).
    """
    image, sentence = F.normalize(image, dim=1), F.normalize(sentence, dim=1)
    harder, possible = [], []
    for rows in torch.arange(len(image)).split(_ROWS):  # type: ignore[no-untyped-call]
        scores = image[rows] @ sentence.mT  # (R, N)
        others = caption[rows, None] != caption
        if label is not None:
            others = others & (label[rows, None] != label)
        harder.append((others & (scores >= scores.gather(1, rows[:, None]))).sum(dim=1))
        possible.append(others.sum(dim=1))
    c, m = torch.cat(harder).double(), torch.cat(possible).double()
    n = m.clamp(max=rivals)
    first = torch.where(m - c >= n, (_log_choose((m - c).maximum(n), n) - _log_choose(m, n)).exp(), 0.0)
    return first[m > 0].mean().float()


def _log_choose(m: Tensor, n: Tensor) -> Tensor:
    return torch.lgamma(m + 1) - torch.lgamma(n + 1) - torch.lgamma(m - n + 1)
