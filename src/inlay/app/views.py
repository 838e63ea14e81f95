"""Pictures as the page shows them: at once in a small copy, and in full to whoever looks closer."""

import base64
import shutil
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inlay.app.room import Room
from inlay.images import Picture
from inlay.images.picture import bands

LONGEST = 1280
"""Of a small copy, in pixels: about what a page has room for."""

_LONGEST_JPEG = 65500  # pixels a side
_LOOKS: dict[str, Any] = {"quality": 95, "subsampling": 0}


@dataclass(frozen=True)
class View:
    """A picture as the page shows it. What is downloaded or filled is never made of it."""

    size: tuple[int, int]
    """Height and width of the picture."""
    small: NDArray[np.uint8]
    """``(h, w, 3)``, how it looks."""
    profile: bytes
    """The ICC profile of its colors; empty for none."""
    full: Path | None
    """A file with every pixel; None where the small copy has them all."""

    def sent(self) -> dict[str, str]:
        """Addresses of both copies for ``view.js``; ``full`` is empty where there is none."""
        small = "data:image/jpeg;base64," + base64.b64encode(_encoded(self.small, self.profile, "JPEG")).decode()
        return {"small": small, "full": f"gradio_api/file={quote(str(self.full))}" if self.full else ""}

    def forget(self) -> None:
        """Remove its file."""
        if self.full:
            shutil.rmtree(self.full.parent, ignore_errors=True)


def view_of(picture: Picture, room: Room) -> View:
    """Build the view of a picture of any mode; a larger one gets a file with every pixel. Transparent shows white.

    Raises:
        InlayError: the page has ended.
    """
    colors = _on_white(picture)
    profile = picture.metadata.icc if picture.pixels.shape[2] >= 3 else b""
    scale = min(1.0, LONGEST / max(picture.size))
    height, width = (max(1, round(side * scale)) for side in picture.size)
    if (height, width) == picture.size:
        return View(picture.size, colors, profile, None)
    small = np.asarray(cv2.resize(colors, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    kind = "JPEG" if max(picture.size) <= _LONGEST_JPEG else "PNG"
    encoded = _encoded(colors, profile, kind)
    with room.written() as folder:
        full = folder / f"view.{kind.lower()}"
        full.write_bytes(encoded)
    return View(picture.size, small, profile, full)


def _on_white(picture: Picture) -> NDArray[np.uint8]:
    colors = picture.rgb8()
    if picture.pixels.shape[2] in (1, 3):
        return colors
    colors = colors.copy()
    for rows in bands(*picture.size):
        opaque = picture.pixels[rows, :, -1:].astype(np.float32) / picture.peak
        colors[rows] = np.rint(colors[rows] * opaque + 255 * (1 - opaque))
    return colors


def _encoded(colors: NDArray[np.uint8], profile: bytes, kind: str) -> bytes:
    stream = BytesIO()
    options = _LOOKS if kind == "JPEG" else {}
    Image.fromarray(colors).save(stream, kind, icc_profile=profile, **options)
    return stream.getvalue()
