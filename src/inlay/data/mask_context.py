"""The picture that a mask is for, as mask generators see it, and masks for the whole pictures of a dataset."""

import logging
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from inlay.data.crops import CropBox
from inlay.data.pictures import Pictures, SourceImage, read_object
from inlay.data.records import number_of
from inlay.errors import BadFile, NoHole
from inlay.images import is_unturned, resize_mask, upright
from inlay.randomness import RngStream, generator
from inlay.types import MaskContext, MaskGenerator

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _PictureContext(MaskContext):
    """A picture, whole or in part."""

    picture: SourceImage

    @property
    @override
    def id(self) -> str:
        return self.picture.id

    @override
    def place(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        # A mask with the size of the picture before EXIF turned it was drawn on that, and has to be turned, too.
        if is_unturned(mask.shape, self.picture.full_size or self.picture.size, self.picture.turned):
            _tell_turned(self.id)
            mask = upright(mask, self.picture.turned)
        return self._placed(mask)

    @abstractmethod
    def _placed(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Cut and resize an upright mask."""

    @override
    def object(self) -> NDArray[np.bool_] | None:
        file = self.picture.object_file
        return self.place(read_object(file, self.picture.mask_is)) if file else None

    @override
    def box(self) -> NDArray[np.bool_] | None:
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

    @override
    def _placed(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
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

    @override
    def _placed(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return self.crop.cut_mask(mask, self.side)


@lru_cache(maxsize=4096)  # training draws a picture again and again
def _tell_turned(id: str) -> None:
    log.warning("%s: its mask has the size of the picture before EXIF turned it, and is turned, too.", id)


class ExportedMask(NamedTuple):
    """A picture's hole, or why it has none."""

    id: str
    picture: SourceImage | None
    mask: NDArray[np.bool_] | None
    reason: str


def draw_holes(pictures: Pictures, masks: MaskGenerator, seed: int) -> Iterator[ExportedMask]:
    """Draw a mask for each picture, at the picture's own size.

    A mask depends on ``(seed, id)`` alone, so that adding pictures changes none.
    """
    for index in range(len(pictures)):
        id = pictures.id(index)
        picture = None
        try:
            picture = pictures.read(index)
            rng = generator(seed, RngStream.GENERATE, index=number_of(id))
            yield ExportedMask(id, picture, masks(*picture.size, rng, FullContext(picture)), "")
        except (BadFile, NoHole) as error:
            yield ExportedMask(id, picture, None, str(error))
