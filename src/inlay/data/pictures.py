"""Pictures by position, read from disk on demand, with what their dataset knows of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from inlay.data.index import Index
from inlay.data.records import MaskIs, number_of
from inlay.errors import BadFile
from inlay.images import Decoded, decode_image, log_damage, picture_size, read_mask, read_picture

MIN_SIDE = 16
"""Pixels: what is smaller holds nothing to learn from."""


@dataclass(frozen=True)
class SourceImage:
    """A picture and what its dataset knows of it.

    Attributes:
        pixels: ``(H, W, 3)`` uint8 RGB, perhaps at a reduced scale.
        id: its name in the dataset.
        captions: what is said of it.
        bbox: the box around its object as shares of its width and height, ``(left, top, right, bottom)``.
        object_file: the file that shows its object.
        mask_is: how that file shows it.
        label: a number that pictures of its class share, and no others.
        turned: the EXIF orientation that was undone to have it upright; 1 for none.
        full_size: height and width at full scale, upright; None where it comes from no file.
    """

    pixels: NDArray[np.uint8]
    id: str
    captions: tuple[str, ...] = ()
    bbox: tuple[float, float, float, float] | None = None
    object_file: Path | None = None
    mask_is: MaskIs = "white"
    label: int | None = None
    turned: int = 1
    full_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of :attr:`pixels`."""
        return self.pixels.shape[0], self.pixels.shape[1]


class Pictures(Protocol):
    """A sequence of pictures that are read on demand."""

    @property
    def captioned(self) -> bool:
        """Whether there are captions; then every sample has one, perhaps an empty one."""

    @property
    def labeled(self) -> bool:
        """Whether every picture has a class; then every sample names it."""

    def captions(self) -> Iterable[str]:
        """Every caption of every picture, none where there are none."""

    def __len__(self) -> int: ...

    def id(self, index: int) -> str:
        """What the picture at a position is called."""

    def read(self, index: int, min_short_side: int | None = None) -> SourceImage:
        """The picture at a position; one with more than ``min_short_side`` pixels a side may be decoded at a fraction.

        Raises:
            BadFile: it cannot be used.
        """


@dataclass(frozen=True)
class IndexedPictures(Pictures):
    """The pictures that one split of an index names, relative to a folder."""

    root: Path
    index: Index

    @property
    @override
    def captioned(self) -> bool:
        return self.index.has("captions")

    @property
    @override
    def labeled(self) -> bool:
        return self.index.complete("label")

    @override
    def captions(self) -> Iterable[str]:
        for index in range(len(self) if self.captioned else 0):
            yield from self.index.value(index, "captions") or ()

    def __len__(self) -> int:
        return len(self.index)

    @override
    def id(self, index: int) -> str:
        return str(self.index.value(index, "id"))

    @override
    def read(self, index: int, min_short_side: int | None = None) -> SourceImage:
        file, mask = self.root / self.index.value(index, "image"), self.index.value(index, "mask")
        label = self.index.value(index, "label")
        decoded = decode_picture(file, min_short_side)
        if decoded.damage:
            log_damage(str(file), decoded.damage)
        return SourceImage(
            decoded.pixels,
            self.id(index),
            tuple(self.index.value(index, "captions") or ()),
            self._box(index, file),
            self.root / mask if mask else None,
            self.index.value(index, "mask_is") or "white",
            None if label is None else number_of(label) >> 1,  # 63 bits, as PyTorch's integers have
            decoded.turned,
            decoded.size,
        )

    def _box(self, index: int, file: Path) -> tuple[float, float, float, float] | None:
        bbox = self.index.value(index, "bbox")
        if bbox is None:
            return None
        width, height = self.index.value(index, "size") or reversed(picture_size(file))
        # Boxes that reach beyond the picture end at its edge.
        left, right = (min(1.0, max(0.0, x / width)) for x in bbox[::2])
        top, bottom = (min(1.0, max(0.0, y / height)) for y in bbox[1::2])
        return left, top, right, bottom


def decode_picture(path: Path, min_short_side: int | None = None) -> Decoded:
    """:func:`inlay.images.decode_image`, but a picture of a few pixels is a :class:`BadFile`, too."""
    decoded = decode_image(path, min_short_side)
    height, width = decoded.pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise BadFile(
            path, f"{width}x{height} pixels are too few to train on, at least {MIN_SIDE}x{MIN_SIDE} are needed."
        )
    return decoded


def read_object(path: Path, mask_is: MaskIs) -> NDArray[np.bool_]:
    """The object that a file shows: ``(H, W)`` bool.

    A trimap has 1 there, 2 in the background and 3 where it is undecided.

    Raises:
        BadFile: the file cannot be read.
    """
    if mask_is in ("white", "black"):
        return read_mask(path, mask_is)
    values = read_picture(path).rgb8()
    return np.asarray(values[..., 0] == 1 if mask_is == "trimap" else values.any(axis=2), np.bool_)
