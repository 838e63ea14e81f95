"""From a photograph to a sample: read, crop, draw a hole, flip. Every draw has an address."""

from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from inlay.data.pictures import Pictures
from inlay.data.transforms import center_crop, random_crop, random_flip
from inlay.randomness import Stream, generator
from inlay.types import MaskFamily


class Address(NamedTuple):
    """Which sample, in which pass over the data."""

    epoch: int
    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody asks an address for


class StoredSample(TypedDict):
    """A sample as workers hand it over: bytes, a quarter of what float32 would move."""

    image: NDArray[np.uint8]
    """``(H, W, 3)`` RGB."""
    mask: NDArray[np.bool_]
    """``(H, W)``, True = hole."""
    id: str


class TrainingSamples(Dataset[StoredSample]):
    """Augmented crops with fresh holes: a pure function of ``(seed, epoch, index)``."""

    def __init__(
        self,
        pictures: Pictures,
        masks: MaskFamily,
        size: int,
        seed: int,
        crop_scale: tuple[float, float],
        color_jitter: float = 0.0,
    ) -> None:
        """Describe the samples; nothing is read yet.

        Args:
            pictures: the photographs.
            masks: where holes come from.
            size: height and width of a sample.
            seed: of the run.
            crop_scale: see :func:`inlay.data.transforms.random_crop`.
            color_jitter: likewise.
        """
        self.pictures, self.masks, self.size, self.seed = pictures, masks, size, seed
        self._crop = random_crop(size, crop_scale, color_jitter)
        self._flip = random_flip()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, address: Address) -> StoredSample:
        epoch, index = address
        augment = generator(self.seed, Stream.AUGMENT, epoch, index)
        image = self._crop.image(self.pictures.read(index), augment)
        mask = self.masks(self.size, self.size, generator(self.seed, Stream.TRAIN_MASK, epoch, index))
        image, mask = self._flip.pair(image, mask, augment)
        return StoredSample(image=image, mask=mask, id=self.pictures.name(index))


class EvaluationSamples(Dataset[StoredSample]):
    """Central crops with frozen holes: a pure function of ``(seed, index)``."""

    def __init__(self, pictures: Pictures, masks: MaskFamily, size: int, seed: int) -> None:
        """Describe the samples; arguments as :class:`TrainingSamples`."""
        self.pictures, self.masks, self.size, self.seed = pictures, masks, size, seed
        self._crop = center_crop(size)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> StoredSample:
        rng = generator(self.seed, Stream.EVAL_MASK, index=index)
        mask = self.masks(self.size, self.size, rng)
        image = self._crop.image(self.pictures.read(index), rng)
        return StoredSample(image=image, mask=mask, id=self.pictures.name(index))
