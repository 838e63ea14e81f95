"""The demo's photographs: public-domain pictures that ship inside scikit-image, so nothing is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skimage.data
from numpy.typing import NDArray

from inlay.data.crops import shrink
from inlay.data.datamodule import InpaintingData, Split
from inlay.data.pictures import SourceImage

TRAINING = ("astronaut", "rocket", "hubble_deep_field", "retina", "camera", "brick", "grass", "gravel")
HELD_OUT = ("chelsea", "coffee")


@dataclass(frozen=True)
class InMemory:
    """Photographs held in memory."""

    names: Sequence[str]
    images: Sequence[NDArray[np.uint8]]
    captioned = False
    labeled = False

    def __len__(self) -> int:
        return len(self.images)

    def captions(self) -> Sequence[str]:
        """Nothing is said of them."""
        return ()

    def id(self, index: int) -> str:
        """The photograph's name in scikit-image."""
        return self.names[index]

    def read(self, index: int, min_short_side: int | None = None) -> SourceImage:
        """The photograph at a position."""
        return SourceImage(self.images[index], self.names[index])


class DemoData(InpaintingData):
    """Crops of eight photographs for training; two whole photographs are held out.

    The photographs are shrunk once, to three times the side of a sample; crops are cut from that.
    """

    @property
    def short_side(self) -> int:
        """What the photographs are shrunk to, in pixels."""
        return 3 * self.image_size

    def pictures(self, split: Split) -> InMemory:
        """The split's photographs."""
        given = whole(split)
        return InMemory(given.names, [shrink(image, self.short_side) for image in given.images])


def whole(split: str) -> InMemory:
    """The photographs of a split, as large as they come: ``train``, or else those that are held out."""
    names = TRAINING if split == "train" else HELD_OUT
    return InMemory(names, [photograph(name) for name in names])


def photograph(name: str) -> NDArray[np.uint8]:
    """One of scikit-image's photographs as ``(H, W, 3)`` uint8, gray ones in RGB."""
    image = getattr(skimage.data, name)()
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
