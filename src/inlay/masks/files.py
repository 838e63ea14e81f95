"""Holes from files: a published set, one frozen by ``inlay masks generate``, or the user's own drawings."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.images import SUFFIXES, HoleIs, find_images, polarity_doubt, read_mask, resize_mask

log = logging.getLogger(__name__)

_LOOKED_AT = 8


@dataclass(frozen=True, kw_only=True)
class Files:
    """Every mask file below a folder, drawn at random and resized with nearest neighbor.

    Attributes:
        root: the folder, searched recursively.
        hole_is: the color of the hole in these files, ``white`` or ``black``.
    """

    root: str
    hole_is: HoleIs = "white"
    paths: list[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = find_images(self.root)
        if not found:
            raise InlayError(f"masks.root={self.root}: no mask files there ({', '.join(SUFFIXES)}). Check the path.")
        object.__setattr__(self, "paths", found)
        self._look()

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Read one of the files, chosen by ``rng``, at the asked-for size."""
        path = self.paths[rng.integers(len(self.paths))]
        return resize_mask(read_mask(path, self.hole_is), height, width)

    def _look(self) -> None:
        """Warn once when a few of the files suggest that the polarity is wrong."""
        some = self.paths[:: max(1, len(self.paths) // _LOOKED_AT)][:_LOOKED_AT]
        doubt = polarity_doubt(float(np.mean([read_mask(p, self.hole_is).mean() for p in some])), self.hole_is)
        if doubt:
            log.warning("masks.root=%s: on average %s", self.root, doubt)
