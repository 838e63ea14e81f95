"""Holes for the whole pictures of a dataset, one each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inlay.data.mask_context import FullContext
from inlay.data.pictures import Pictures, SourceImage
from inlay.data.splits import number_of
from inlay.errors import BadFile, NoHole
from inlay.randomness import RngStream, generator
from inlay.types import MaskGenerator


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
