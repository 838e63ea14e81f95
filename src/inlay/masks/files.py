"""Holes from files: a published set, one frozen by ``inlay masks generate``, or the user's own drawings."""

import logging
import math
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.errors import BadFile, InlayError
from inlay.images import MaskPolarity, polarity_warning, read_mask, resize_mask
from inlay.masks.morphology import dilated
from inlay.masks.paired import found_masks
from inlay.masks.ranges import Range, Ratio, check_family, check_range
from inlay.types import MaskContext

log = logging.getLogger(__name__)

_LOOKED_AT = 8
_ATTEMPTS = 500


@dataclass(frozen=True, kw_only=True)
class Files:
    """Every mask file below a folder, drawn at random and resized with nearest neighbor.

    The options are the recipe of Liu et al. (2018) for their 512 px masks: binarized at 0.6, dilated by 9 to 49 px
    (0.018 to 0.096 of the short side), shifted, rotated and cropped at random. None of it happens unless asked for.

    Attributes:
        root: the folder, searched recursively.
        mask_polarity: the color of the hole in these files, ``white`` or ``black``.
        binarize: from which brightness a pixel is white, as a share of full white.
        dilate: width of the kernel that grows the hole, by half of it, as a share of the short side; 0 for none.
        shift: the farthest that a mask moves, as a share of its height and width; what comes in is no hole.
        rotate: the farthest that it turns, in degrees.
        crop: smallest and largest part that is cut out and enlarged, as a share of the area.
        flip: how probable it is that it is hflip, each way.
        ratio: draw only holes that cover such a share of the picture: the choice of a bucket. None for all.
    """

    root: str
    mask_polarity: MaskPolarity = "white"
    binarize: float = 0.5
    dilate: Range = (0.0, 0.0)
    shift: float = 0.0
    rotate: float = 0.0
    crop: Range = (1.0, 1.0)
    flip: float = 0.0
    ratio: Ratio | None = None
    paths: list[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_family(self)
        for name, most in (("shift", 1.0), ("rotate", 180.0), ("flip", 1.0)):
            if not 0.0 <= (value := getattr(self, name)) <= most:
                raise InlayError(f"masks.{name} must lie in [0, {most:g}]; got {value}.")
        if not 0.0 < self.binarize < 1.0:
            raise InlayError(f"masks.binarize must lie between 0 and 1, a share of white; got {self.binarize}.")
        check_range("dilate", self.dilate, 0.0, 0.49, "of the short side (9 to 49 of 512 px are [0.018, 0.096])")
        check_range("crop", self.crop, 0.01, 1.0, "of the area")
        object.__setattr__(self, "paths", found_masks(self.root, "masks.root"))
        self._doubt_polarity()

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """Read one of the files, chosen by ``rng``, and treat it as asked; the picture is not looked at.

        Raises:
            BadFile: the file is broken.
            InlayError: no file was found whose hole meets the ratio.
        """
        for _ in range(_ATTEMPTS):
            path = self.paths[rng.integers(len(self.paths))]
            mask = self._treated(read_mask(path, self.mask_polarity, self.binarize), height, width, rng)
            if self.ratio is not None:
                accepted = self.ratio[0] <= mask.mean() <= self.ratio[1]
            else:
                accepted = not self._moves or mask.any()  # unless all of the hole was moved out
            if accepted:
                return mask
        asked = "a hole after masks.shift" if self.ratio is None else f"such a hole as masks.ratio={list(self.ratio)}"
        raise InlayError(
            f"masks.root={self.root}: none of {_ATTEMPTS} masks drawn there has {asked} at {width}x{height} pixels. "
            "Widen the range, or choose other files."
        )

    @property
    def _moves(self) -> bool:
        return self.crop != (1.0, 1.0) or bool(self.shift or self.rotate)

    def _treated(self, mask: NDArray[np.bool_], height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        if self._moves:
            turn, right, down = rng.uniform(-1, 1, 3)
            part, across, along = rng.random(3)
            area = self.crop[0] + (self.crop[1] - self.crop[0]) * part
            free = (1 - math.sqrt(area)) / 2  # a part cut out may lie so far off the middle
            right = self.shift * right + free * (2 * across - 1)
            down = self.shift * down + free * (2 * along - 1)
            mask = moved(mask, 1 / math.sqrt(area), self.rotate * turn, right, down)
        mask = resize_mask(mask, height, width)
        if self.dilate[1]:
            mask = dilated(mask, rng.uniform(*self.dilate))
        if self.flip:
            across, down = rng.random(2) < self.flip
            mask = np.ascontiguousarray(mask[:: -1 if down else 1, :: -1 if across else 1])
        return mask

    def _doubt_polarity(self) -> None:
        """Warn once when a few of the files suggest that the polarity is wrong."""
        shares = []
        for path in self.paths[:: max(1, len(self.paths) // _LOOKED_AT)][:_LOOKED_AT]:
            with suppress(BadFile):  # said when it is drawn, to those who can replace it
                shares.append(read_mask(path, self.mask_polarity).mean())
        doubt = polarity_warning(float(np.mean(shares)), self.mask_polarity) if shares else None
        if doubt:
            log.warning("masks.root=%s: on average %s", self.root, doubt)


def moved(mask: NDArray[np.bool_], scale: float, angle: float, right: float, down: float) -> NDArray[np.bool_]:
    """Enlarge, turn and shift a mask about its middle, with nearest neighbor; what comes in is no hole.

    Args:
        mask: ``(H, W)``, True = hole.
        scale: above 1 enlarges.
        angle: in degrees, counterclockwise.
        right: share of the width that it moves by before it is enlarged.
        down: share of the height that it moves by.
    """
    rows, columns = mask.shape
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), angle, scale)
    matrix[:, 2] += right * scale * columns, down * scale * rows
    turned = cv2.warpAffine(mask.view(np.uint8), matrix, (columns, rows), flags=cv2.INTER_NEAREST, borderValue=0)
    return turned.view(np.bool_)
