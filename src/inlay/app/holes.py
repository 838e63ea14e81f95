"""The hole, from what is painted over a preview to the picture's own size."""

import base64
import binascii
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import InlayError
from inlay.images import USUAL_HOLE, polarity_doubt, resize_mask

Hole = NDArray[np.bool_]

LONGEST = 1280
"""Of a preview, in pixels: more than a page shows of it, and quickly painted over."""

_PNG = "data:image/png;base64,"


def preview_size(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the preview of a picture of ``size`` (height, width): its own, or as much as is shown."""
    scale = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def painted(url: str, size: tuple[int, int]) -> Hole:
    """What the page painted, ``(H, W)`` bool, True = hole: where the PNG in a data URL is more opaque than not.

    Args:
        url: empty for nothing painted.
        size: height and width that it must have.

    Raises:
        InlayError: it is no such picture.
    """
    if not url:
        return np.zeros(size, np.bool_)
    try:
        data = base64.b64decode(url.removeprefix(_PNG), validate=True)
        with Image.open(BytesIO(data), formats=("PNG",)) as file:
            if (file.height, file.width) != size or file.mode != "RGBA":
                raise ValueError("of another picture")
            return np.asarray(file)[..., 3] >= 128
    except (OSError, SyntaxError, ValueError, binascii.Error) as error:
        raise InlayError(f"What was painted cannot be read ({error}). Load the picture again.") from error


def in_preview(hole: Hole) -> Hole:
    """A mask of a picture in the size of its preview: hole where any of it is, so that nothing of it is hidden."""
    height, width = preview_size(hole.shape)
    shares = cv2.resize(hole.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shares > 0)


def shown(hole: Hole) -> str:
    """A mask as a data URL that :func:`painted` reads: opaque where the hole is."""
    pixels = np.zeros((*hole.shape, 4), np.uint8)
    pixels[hole] = 255
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return _PNG + base64.b64encode(stream.getvalue()).decode()


def full_size(seen: Hole, size: tuple[int, int], given: Hole | None = None) -> Hole:
    """The hole of a picture from the hole of its preview.

    Args:
        seen: what the page shows as the hole, in the preview's size.
        size: height and width of the picture.
        given: ``(H, W)`` the mask that was given in a file. Where the page still shows it as it was, its own pixels
            count, so that nothing of it is lost on the way through a smaller preview.
    """
    hole = resize_mask(seen, *size)
    if given is None:
        return hole
    untouched = resize_mask(seen == in_preview(given), *size)
    return np.where(untouched, given, hole)


def remarks(hole: Hole, from_file: bool = False) -> list[str]:
    """What the page says of a hole: its share of the picture, then what is odd about it.

    Args:
        hole: ``(H, W)``, True = hole.
        from_file: a small hole is odd only in a mask file, where it may mean that the colors are the other way round.
    """
    if not hole.any():
        return ["No hole yet: paint over what is to be replaced, add a box, or give a mask file."]
    ratio = float(hole.mean())
    said = [f"Hole: {ratio:.1%} of the picture."]
    if hole.all():
        return [*said, "Nothing is left to fill it from. Leave a part of the picture unpainted."]
    if polarity_doubt(ratio) and (from_file or ratio > USUAL_HOLE[1]):
        said.append("That is unusual. If the hole is the wrong way round, press Invert.")
    return said
