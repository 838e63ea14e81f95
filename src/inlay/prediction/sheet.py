"""``--compare``: what was given and what became of it, side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.images import Picture, contact_sheet, labeled

_LARGEST = 1600
"""Pixels of a picture's longer side on a sheet, which is to be looked at."""


def comparison(given: Picture, hole: NDArray[np.bool_], filled: Sequence[Picture], text: str | None) -> Picture:
    """A sheet: masked | filled, every sample | given; the text below."""
    columns = [_small(picture) for picture in (given, *filled, given)]
    white = cv2.resize(hole.astype(np.uint8), columns[0].shape[1::-1], interpolation=cv2.INTER_NEAREST)
    columns[0] = np.where(white[..., None] > 0, np.float32(1), columns[0])
    sheet = contact_sheet([columns])
    return contact_sheet([[labeled(sheet.rgb(), text)]]) if text else sheet


def _small(picture: Picture) -> NDArray[np.float32]:
    height, width = picture.size
    scale = _LARGEST / max(height, width)
    if scale >= 1:
        return picture.rgb()
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture.rgb8(), size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
