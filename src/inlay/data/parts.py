"""What a sample holds beside its picture: holes, targets, reference pictures. ``data.sample`` maps batch keys to parts.

The config group ``sample`` has the common ones, and takes several: ``sample=[hole,target_picture]``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from inlay.data.mask_context import CroppedContext
from inlay.data.pictures import decode_picture
from inlay.errors import BadFile, NoHole
from inlay.masks import MixedMasks, Paired, UnitedMasks
from inlay.masks.paired import Partners
from inlay.types import MaskGenerator

RESERVED = ("image", "id", "caption", "tokens", "text_image_tokens", "skipped")
"""Batch keys that are no parts."""


class SamplePart(ABC):
    """Makes one entry of a sample.

    Arrays of pixels are cut as the sample was cut from its picture, and flipped with it afterwards. Pictures,
    ``(H, W, 3)`` uint8, also go through its color jitter. Whatever else is returned is collated as it is.
    """

    @abstractmethod
    def __call__(self, view: CroppedContext, rng: np.random.Generator, training: bool) -> Any:
        """Make the entry.

        Args:
            view: what the sample shows of its picture.
            rng: at the sample's address; parts share it and draw one after the other.
            training: False in validation.

        Raises:
            BadFile: a file that belongs to the picture is broken.
            NoHole: there is none for this picture; another picture takes its place.
        """

    def without_partner(self, ids: Iterable[str], training: bool) -> list[str]:
        """The pictures that are known to have no such entry, before anything is drawn."""
        return []


class DrawMask(SamplePart):
    """A mask ``(H, W)`` bool by a mask generator: the hole, or a mask as target.

    Args:
        masks: draws masks in training.
        val_masks: draws masks in validation; None for ``masks``. Validation mask ``i`` depends on ``(seed, i)`` alone.
    """

    def __init__(self, masks: MaskGenerator, val_masks: MaskGenerator | None = None) -> None:
        self.masks, self.val_masks = masks, val_masks or masks

    @override
    def __call__(self, view: CroppedContext, rng: np.random.Generator, training: bool) -> NDArray[np.bool_]:
        return self._of(training)(view.side, view.side, rng, view)

    @override
    def without_partner(self, ids: Iterable[str], training: bool) -> list[str]:
        masks = self._of(training)
        return masks.without_partner(ids) if isinstance(masks, Paired | MixedMasks | UnitedMasks) else []

    def _of(self, training: bool) -> MaskGenerator:
        return self.masks if training else self.val_masks


class PairedPicture(SamplePart):
    """Another picture of the scene, ``(H, W, 3)`` uint8, from a second folder: a target, or a reference to take from.

    Args:
        root: a folder with a picture for each picture, of its proportions and named like it but for the suffix:
            ``a/b.png`` for ``a/b.jpg``, or ``b.png`` directly in the folder.
    """

    def __init__(self, root: str) -> None:
        self._partners = Partners.below(root, "root")

    @override
    def __call__(self, view: CroppedContext, rng: np.random.Generator, training: bool) -> NDArray[np.uint8]:
        path = self._partners.of(view.id)
        if path is None:
            raise NoHole("no picture is paired with it")
        height, width = view.picture.size
        pixels = decode_picture(path, min(height, width)).pixels
        if abs(pixels.shape[0] * width / pixels.shape[1] - height) > 2:  # pixels; decoding at a fraction rounds
            sizes = f"{pixels.shape[1]}x{pixels.shape[0]}, its picture {width}x{height}"
            raise BadFile(path, f"has other proportions than the picture it belongs to ({sizes}).")
        if pixels.shape[:2] != (height, width):
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return view.crop.cut(pixels, view.side)

    @override
    def without_partner(self, ids: Iterable[str], training: bool) -> list[str]:
        return [id for id in ids if self._partners.of(id) is None]
