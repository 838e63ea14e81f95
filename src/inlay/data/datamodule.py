"""The one datamodule: photographs and a mask family to batches. A dataset is a subclass that finds its photographs."""

import os
from abc import ABC, abstractmethod
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from inlay.data.loader import AddressStream, TrainingLoader, rank_and_world
from inlay.data.pictures import Pictures, Split
from inlay.data.samples import EvaluationSamples, TrainingSamples
from inlay.errors import InlayError
from inlay.types import Batch, MaskFamily


class InpaintingData(pl.LightningDataModule, ABC):
    """Batches of photographs with holes.

    Args:
        masks: where holes come from in training.
        val_masks: where holes come from in validation; the same family if None. They are frozen: validation mask
            ``i`` depends on ``(seed, i)`` alone.
        image_size: height and width of a sample in pixels.
        batch_size: samples a training step, over all processes together.
        crop_scale: smallest and largest area of a training crop as a share of the picture's.
        color_jitter: strength of random color changes in training, in ``[0, 1]``; 0 for none.
        workers: processes that prepare samples, at most one a core; 0 prepares them in the training process.
        seed: of every draw.

    Raises:
        InlayError: a number is out of range.
    """

    def __init__(
        self,
        masks: MaskFamily,
        val_masks: MaskFamily | None = None,
        image_size: int = 256,
        batch_size: int = 8,
        crop_scale: tuple[float, float] = (0.5, 1.0),
        color_jitter: float = 0.0,
        workers: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if image_size < 16:
            raise InlayError(f"data.image_size must be at least 16, got {image_size}.")
        if batch_size < 1 or workers < 0:
            raise InlayError(f"data.batch_size must be >= 1 and data.workers >= 0, got {batch_size} and {workers}.")
        low, high = crop_scale
        if not 0.0 < low <= high <= 1.0:
            raise InlayError(f"data.crop_scale must be [low, high] with 0 < low <= high <= 1, got [{low}, {high}].")
        self.masks = masks
        self.val_masks = val_masks or masks
        self.image_size = image_size
        self.batch_size = batch_size
        if not 0.0 <= color_jitter <= 1.0:
            raise InlayError(f"data.color_jitter must lie in [0, 1], got {color_jitter}.")
        self.crop_scale = (crop_scale[0], crop_scale[1])
        self.color_jitter = color_jitter
        self.workers = min(workers, available_cores())
        self.seed = seed

    @abstractmethod
    def pictures(self, split: Split) -> Pictures:
        """The photographs of a split. Raises :class:`InlayError` when there are none."""

    def train_dataloader(self) -> TrainingLoader:
        """An endless stream of training batches."""
        samples = TrainingSamples(
            self.pictures("train"), self.masks, self.image_size, self.seed, self.crop_scale, self.color_jitter
        )
        stream = AddressStream(len(samples), self.seed)
        return TrainingLoader(samples, stream, self._batch_size_here(), **self._loading())

    def val_dataloader(self) -> DataLoader[Any]:
        """Every validation sample once, in order; processes share them out."""
        rank, world = rank_and_world()
        samples = EvaluationSamples(self.pictures("val"), self.val_masks, self.image_size, self.seed)
        return DataLoader(
            samples, sampler=range(rank, len(samples), world), batch_size=self._batch_size_here(), **self._loading()
        )

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> Batch:
        """Bytes to :class:`Batch`, on the training device: only a quarter of it had to travel there."""
        return to_batch(batch)

    def _batch_size_here(self) -> int:
        _, world = rank_and_world()
        if self.batch_size % world:
            raise InlayError(f"data.batch_size={self.batch_size} must be divisible by the {world} processes.")
        return self.batch_size // world

    def _loading(self) -> dict[str, Any]:
        return {
            "num_workers": self.workers,
            "persistent_workers": self.workers > 0,
            "pin_memory": torch.cuda.is_available(),
        }


def available_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def to_batch(stored: dict[str, Any]) -> Batch:
    """Collated :class:`~inlay.data.samples.StoredSample` to :class:`~inlay.types.Batch`.

    Args:
        stored: ``image`` ``(B, H, W, 3)`` uint8, ``mask`` ``(B, H, W)`` bool, ``id``.
    """
    image = cast(Tensor, stored["image"]).permute(0, 3, 1, 2)  # (B, 3, H, W), channels_last without a copy
    mask = cast(Tensor, stored["mask"]).unsqueeze(1)  # (B, 1, H, W)
    return Batch(image=image.float().div_(np.iinfo(np.uint8).max), mask=mask.float(), id=stored["id"])
