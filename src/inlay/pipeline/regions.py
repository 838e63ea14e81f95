"""Regions: where the hole of a picture comes from."""

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from typing_extensions import override

from inlay.configs import load
from inlay.errors import BadFile, InlayError
from inlay.files import at_home
from inlay.images import MaskPolarity, Picture, count_frames, mask_from_alpha
from inlay.pipeline.masks import Hole, check_threshold, fit_mask, to_mask
from inlay.randomness import RngStream, generator
from inlay.types import MaskGenerator

PACKAGES = ("inlay.pipeline.regions", "inlay.masks")
"""Where the classes lie that a configuration of a region may name."""


@runtime_checkable
class Region(Protocol):
    """Finds the hole of a picture."""

    takes_seed: bool = False
    """Whether the hole is drawn with a seed."""

    @abstractmethod
    def holes(self, pictures: Sequence[Picture], image: Any, *, frame: int | None = None, seed: int = 0) -> list[Hole]:
        """Find the hole of each page of a picture, or of each picture of a batch.

        Args:
            pictures: the pages that are filled.
            image: what they were read from: a path, an array, a tensor, ...
            frame: number of the only page that is filled, counted from 1; None for all pages.
            seed: for regions that are drawn.

        Raises:
            InlayError: a picture has no hole, or is nothing but hole.
        """


@dataclass(frozen=True)
class MaskRegion(Region):
    """The hole is given as a mask.

    Attributes:
        mask: a path or a :class:`PIL.Image.Image`, which is resized to the picture; an array or a tensor of its size;
            or for a batch ``(B, 1, H, W)``. A file of several pages has one mask for each page of the picture.
        mask_polarity: color of the hole: ``white``, which is 1 and True in arrays, or ``black``.
        threshold: share of full white from which a pixel is white; None for one half, and to refuse photographs.
    """

    mask: Any
    mask_polarity: MaskPolarity = "white"
    threshold: float | None = None

    def __post_init__(self) -> None:
        check_threshold(self.threshold)
        object.__setattr__(self, "mask", at_home(self.mask))

    @override
    def holes(self, pictures: Sequence[Picture], image: Any, *, frame: int | None = None, seed: int = 0) -> list[Hole]:
        several = isinstance(self.mask, torch.Tensor) and self.mask.ndim == 4 and len(self.mask) > 1
        masks = list(self.mask) if several else [self.mask] * len(pictures)
        if len(masks) != len(pictures):
            raise InlayError(f"mask must be one, or one for each of {len(pictures)} pictures, got {len(masks)}.")
        frames = self._frames(len(pictures), image, frame)
        return [
            to_mask(mask, picture.size, self.mask_polarity, self.threshold, picture.turned, page)
            for mask, picture, page in zip(masks, pictures, frames, strict=True)
        ]

    def _frames(self, pages: int, image: Any, frame: int | None) -> Sequence[int | None]:
        """The page of the mask file for each page of the picture; None where the file has one page only."""
        if not isinstance(self.mask, str | os.PathLike) or (masks := count_frames(self.mask)) == 1:
            return [None] * pages
        whole = count_frames(image) if isinstance(image, str | os.PathLike) else pages
        if masks != whole:
            reason = f"holds {masks} masks, and the picture has {whole} pages. Give one mask, or {whole}."
            raise BadFile(self.mask, reason)
        return range(1, pages + 1) if frame is None else [frame]


@dataclass(frozen=True)
class AlphaRegion(Region):
    """The hole is what is more transparent than opaque."""

    @override
    def holes(self, pictures: Sequence[Picture], image: Any, *, frame: int | None = None, seed: int = 0) -> list[Hole]:
        name = _name_of(image)
        for picture in pictures:
            if picture.mode.removesuffix("16") not in ("LA", "RGBA"):
                raise InlayError(f"{name}: no mask was given, and nothing in it is transparent. Name a mask.")
        return [fit_mask(mask_from_alpha(each), each.size, f"{name}, what is transparent") for each in pictures]


@dataclass(frozen=True)
class GeneratedRegion(Region):
    """The hole is drawn by a mask generator.

    A draw depends on the seed, the file's name and the page: it does not change when a folder gets more pictures.

    Attributes:
        masks: the generator, one of :mod:`inlay.masks`. It must not need a dataset's annotations.
    """

    masks: MaskGenerator
    takes_seed = True

    def __post_init__(self) -> None:
        if not callable(self.masks):
            raise InlayError(f"region: masks must be a mask generator of inlay.masks, got {self.masks!r}.")

    @override
    def holes(self, pictures: Sequence[Picture], image: Any, *, frame: int | None = None, seed: int = 0) -> list[Hole]:
        index = int.from_bytes(sha256(os.fsencode(Path(_name_of(image)).name)).digest()[:4])
        found = []
        for page, picture in enumerate(pictures, start=frame or 1):
            mask = self.masks(*picture.size, generator(seed, RngStream.REGION, epoch=page, index=index))
            found.append(fit_mask(mask, picture.size, f"{_name_of(image)}, the generated mask"))
        return found


def load_region(config: str | Path | Mapping[str, Any]) -> Region:
    """Build the region that a name in ``conf/region``, a YAML file or a mapping with ``_target_`` describes."""
    region: Region = load("region", config, PACKAGES, Region)
    return region


def _name_of(image: Any) -> str:
    return os.fspath(image) if isinstance(image, str | os.PathLike) else "image"
