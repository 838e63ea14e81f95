"""What a visit can go back to: the fillings that it went on from."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inlay.images import Picture

MOST_KEPT = 500_000_000
"""Bytes of the earlier pictures that one visit can go back to; beyond it the oldest go first."""


@dataclass(frozen=True)
class Patch:
    """A box of pixels in which two pictures of one size differ."""

    top: int
    left: int
    before: NDArray[np.uint8] | NDArray[np.uint16]
    after: NDArray[np.uint8] | NDArray[np.uint16]

    @classmethod
    def between(cls, before: Picture, after: Picture) -> "Patch":
        """The smallest patch that makes one picture the other."""
        rows = np.flatnonzero((before.pixels != after.pixels).reshape(len(before.pixels), -1).any(axis=1))
        if not len(rows):
            return cls(0, 0, before.pixels[:0, :0], after.pixels[:0, :0])
        across = slice(rows[0], rows[-1] + 1)
        columns = np.flatnonzero((before.pixels[across] != after.pixels[across]).any(axis=0).any(axis=1))
        box = across, slice(columns[0], columns[-1] + 1)
        return cls(int(rows[0]), int(columns[0]), before.pixels[box].copy(), after.pixels[box].copy())

    def apply(self, picture: Picture, undo: bool = False) -> Picture:
        """Make the picture before it the one after it, or the other way round."""
        part, pixels = self.before if undo else self.after, picture.pixels.copy()
        pixels[self.top : self.top + part.shape[0], self.left : self.left + part.shape[1]] = part
        return replace(picture, pixels=pixels)


@dataclass(frozen=True)
class Step:
    """A filling that was gone on from.

    Attributes:
        patch: what it changed.
        runs: the hole that it filled, see :mod:`inlay.app.masks`.
    """

    patch: Patch
    runs: str


def limited(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The last steps, no more than :data:`MOST_KEPT` bytes of them, but at least one."""
    while len(steps) > 1 and sum(step.patch.before.nbytes + step.patch.after.nbytes for step in steps) > MOST_KEPT:
        steps = steps[1:]
    return steps
