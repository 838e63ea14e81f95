"""A picture for mask families in tests: what it shows is given, and a sample may show a part of it."""

from dataclasses import dataclass

import numpy as np

from inlay.images import resize_mask


@dataclass
class PlainContext:
    """A sample of ``size`` that shows ``rows`` and ``columns`` (shares, from and to) of the whole picture."""

    size: tuple[int, int] = (32, 32)
    id: str = "a/picture.jpg"
    whole_object: np.ndarray | None = None
    whole_box: np.ndarray | None = None
    rows: tuple[float, float] = (0.0, 1.0)
    columns: tuple[float, float] = (0.0, 1.0)

    def place(self, mask):
        height, width = mask.shape
        top, bottom = (round(share * height) for share in self.rows)
        left, right = (round(share * width) for share in self.columns)
        return resize_mask(mask[top:bottom, left:right], *self.size)

    def object(self):
        return None if self.whole_object is None else self.place(self.whole_object)

    def box(self):
        return None if self.whole_box is None else self.place(self.whole_box)


def disc(size, radius, center=None):
    """A ``(size, size)`` mask with a round hole."""
    y, x = np.mgrid[:size, :size]
    row, column = center or ((size - 1) / 2, (size - 1) / 2)
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def rectangle(shape, top, bottom, left, right):
    mask = np.zeros(shape, np.bool_)
    mask[top:bottom, left:right] = True
    return mask
