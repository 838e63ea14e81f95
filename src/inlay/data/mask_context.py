"""What mask families are told of the picture that a hole is for (:class:`inlay.types.MaskContext`)."""

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from inlay.data.crops import CropBox
from inlay.data.pictures import SourceImage, read_object
from inlay.images import is_unturned, resize_mask, upright

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _PictureContext(ABC):
    """A picture, whole or in part.

    Attributes:
        picture: the picture.
    """

    picture: SourceImage

    @property
    def id(self) -> str:
        """The picture's name."""
        return self.picture.id

    def place(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """See :class:`inlay.types.MaskContext`; a mask of the picture before EXIF turned it is turned likewise."""
        if is_unturned(mask.shape, self.picture.full_size or self.picture.size, self.picture.turned):
            _tell_turned(self.id)
            mask = upright(mask, self.picture.turned)
        return self._placed(mask)

    @abstractmethod
    def _placed(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Cut and resize an upright mask."""

    def object(self) -> NDArray[np.bool_] | None:
        """See :class:`inlay.types.MaskContext`."""
        file = self.picture.object_file
        return self.place(read_object(file, self.picture.mask_is)) if file else None

    def box(self) -> NDArray[np.bool_] | None:
        """See :class:`inlay.types.MaskContext`."""
        if not self.picture.bbox:
            return None
        left, top, right, bottom = self.picture.bbox
        height, width = self.picture.size
        inside = np.zeros((height, width), np.bool_)
        inside[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
        return self.place(inside)


@dataclass(frozen=True)
class FullContext(_PictureContext):
    """A picture from edge to edge, at its own size."""

    def _placed(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Resize a mask to the picture's size."""
        return resize_mask(mask, *self.picture.size)


@dataclass(frozen=True)
class CroppedContext(_PictureContext):
    """What a sample shows of a picture.

    Attributes:
        crop: the part.
        side: height and width of the sample.
    """

    crop: CropBox
    side: int

    def _placed(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Cut a mask as the sample was cut."""
        return self.crop.cut_mask(mask, self.side)


@lru_cache(maxsize=4096)  # training draws a picture again and again
def _tell_turned(id: str) -> None:
    log.warning("%s: its mask has the size of the picture before EXIF turned it, and is turned likewise.", id)
