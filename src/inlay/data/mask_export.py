"""Holes for the whole pictures of a dataset, one each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inlay.data.mask_context import WholeScene
from inlay.data.pictures import Photograph, Pictures
from inlay.data.splits import number_of
from inlay.errors import BadFile, NoHole
from inlay.randomness import Stream, generator
from inlay.types import MaskFamily


class Hole(NamedTuple):
    """A picture's hole, or why it has none."""

    id: str
    photograph: Photograph | None
    mask: NDArray[np.bool_] | None
    reason: str


def holes(pictures: Pictures, family: MaskFamily, seed: int) -> Iterator[Hole]:
    """Draw a mask for each picture, at the picture's own size.

    A mask depends on ``(seed, id)`` alone, so that adding pictures changes none.
    """
    for index in range(len(pictures)):
        id = pictures.id(index)
        photograph = None
        try:
            photograph = pictures.read(index)
            rng = generator(seed, Stream.GENERATE, index=number_of(id))
            yield Hole(id, photograph, family(*photograph.size, rng, WholeScene(photograph)), "")
        except (BadFile, NoHole) as error:
            yield Hole(id, photograph, None, str(error))
