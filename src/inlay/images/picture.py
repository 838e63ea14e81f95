"""A picture in memory: its pixels and their metadata."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inlay.errors import InlayError
from inlay.images.metadata import Metadata

LUMA = np.array([0.299, 0.587, 0.114])
"""What red, green and blue add to the luminance: ITU-R BT.601, as Pillow's ``convert("L")``."""

SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that exchange height and width."""

_BAND = 2**20  # pixels


@dataclass(frozen=True)
class Picture:
    """A picture as its file holds it, upright, without loss.

    Attributes:
        pixels: ``(H, W, C)`` uint8 or uint16; C is 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
        stored_as: the file's own mode where ``pixels`` had to differ from it (``"P"``, ``"CMYK"``, ...), else ``""``.
        metadata: of its file: profile, EXIF, resolution, ...
        turned: the EXIF orientation that was undone to have it upright; 1 for none.
        damage: the decoder's warning about damaged pixels; ``""`` for sound ones.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    stored_as: str = ""
    metadata: Metadata = field(default_factory=Metadata)
    turned: int = 1
    damage: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def mode(self) -> str:
        """``L``, ``LA``, ``RGB`` or ``RGBA``, with ``16`` behind it for 16 bits a channel."""
        return ("L", "LA", "RGB", "RGBA")[self.pixels.shape[2] - 1] + ("16" if self.pixels.dtype == np.uint16 else "")

    @property
    def peak(self) -> int:
        """The brightest value a pixel can have: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    def rgb(self) -> NDArray[np.float32]:
        """The colors as ``(H, W, 3)`` float32 in ``[0, 1]``; gray is repeated, alpha is left out."""
        shares: NDArray[np.float32] = np.divide(self._colors(), np.float32(self.peak), dtype=np.float32)
        return shares

    def rgb8(self) -> NDArray[np.uint8]:
        """The colors as ``(H, W, 3)`` uint8; 16 bits are rounded to 8."""
        colors = self._colors()
        if colors.dtype == np.uint8:
            return colors.astype(np.uint8, copy=False)
        rounded = np.empty(colors.shape, np.uint8)
        for rows in bands(*self.size):
            rounded[rows] = (colors[rows].astype(np.uint32) + 128) // 257
        return rounded

    def filled(self, rgb: NDArray[np.floating[Any]], hole: NDArray[np.bool_]) -> "Picture":
        """This picture with ``(H, W, 3)`` colors in ``[0, 1]`` in the hole; known pixels stay bit for bit.

        Filled pixels are opaque where there is alpha: what was painted over is meant to be seen.
        """
        pixels = self.pixels.copy()
        for rows in bands(*self.size):
            inside = hole[rows]
            if inside.any():
                pixels[rows][inside] = self._stored(rgb[rows][inside])
        return replace(self, pixels=pixels)

    def to_pil(self) -> Image.Image:
        """The picture for Pillow: mode ``L``, ``LA``, ``RGB``, ``RGBA`` or ``I;16``, with its metadata in ``info``.

        Raises:
            InlayError: 16 bits a channel in more than one channel, which Pillow has no mode for.
        """
        if self.peak > 255 and self.pixels.shape[2] > 1:
            raise InlayError(
                f"Pillow has no mode for {self.mode}, only for 16 bits of gray. "
                "Use write_picture with .png or .tiff, or Picture(picture.rgb8()).to_pil() for 8 bits."
            )
        image = as_pil(self.pixels)
        image.info.update(self.metadata.pil_info())
        return image

    def _colors(self) -> NDArray[Any]:
        channels = self.pixels.shape[2]
        return self.pixels[..., :3] if channels >= 3 else np.repeat(self.pixels[..., :1], 3, axis=2)

    def _stored(self, colors: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """``(N, 3)`` colors in ``[0, 1]`` as this picture stores ``(N, C)`` opaque pixels."""
        colors = np.clip(colors, 0.0, 1.0)
        if self.pixels.shape[2] < 3:
            colors = (colors @ LUMA)[:, None]
        new = np.rint(colors * self.peak).astype(self.pixels.dtype)
        return np.pad(new, ((0, 0), (0, self.pixels.shape[2] - new.shape[1])), constant_values=self.peak)


def as_pil(pixels: NDArray[Any]) -> Image.Image:
    """``(H, W, C)`` pixels of a mode that Pillow has, as an image of Pillow's that knows nothing else."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """``(H, W, ...)`` pixels as they are stored, turned as their EXIF orientation asks for; a view."""
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def is_unturned(shape: tuple[int, ...], size: tuple[int, int], orientation: int) -> bool:
    """Whether pixels of a shape have the size that an upright picture had before its EXIF orientation was undone."""
    return orientation in SIDEWAYS and shape != size and shape == size[::-1]


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture in slices of about a million pixels: what is made of one on the way stays small."""
    rows = max(1, _BAND // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
