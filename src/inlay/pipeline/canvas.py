"""A picture while it is filled, in the file's own numbers: 40 megapixels of float32 would be half a gigabyte."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from inlay.images import Picture
from inlay.pipeline.windows import Window, grid
from inlay.randomness import RngStream, torch_seed

_BLOCK = 1024  # side of the blocks in which a large prediction is painted: enlarged, all of it would not fit in memory


class Crop(NamedTuple):
    """What a filler is given for one window of a picture."""

    rgb: NDArray[np.float32]
    """``(h, w, 3)`` in ``[0, 1]``."""
    hole: NDArray[np.bool_]
    """``(h, w)``, True = hole."""
    text: str | None = None
    seed: int | None = None
    reference: NDArray[np.float32] | None = None
    """``(H, W, 3)`` in ``[0, 1]``, a picture to take content from, uncropped."""


Predict = Callable[[Iterable[Crop]], Iterator[NDArray[np.float32]]]
"""Predicts ``(h, w, 3)`` in ``[0, 1]`` for each crop, in their order."""


@dataclass
class Canvas:
    """A picture while it is filled: crops of it are shown to a filler, and predictions are painted on it.

    Attributes:
        picture: of any mode; its pixels are painted on.
        hole: ``(H, W)``, True = to be predicted. It stays hole when it is painted: no crop shows what was painted.
        text: what the hole shall show.
        seed: of the first crop; every other one has a seed that follows from it and the crop's number.
        reference: ``(H, W, 3)`` in ``[0, 1]``, a picture to take content from.
        seeds: of all crops that were shown so far.
    """

    picture: Picture
    hole: NDArray[np.bool_]
    text: str | None = None
    seed: int | None = None
    reference: NDArray[np.float32] | None = None
    seeds: list[int | None] = field(default_factory=list)

    @property
    def whole(self) -> Window:
        """The window that shows all of it."""
        return Window(0, 0, *self.hole.shape)

    def crop(self, window: Window, scale: float = 1.0) -> Crop:
        """Crop a window, resized by ``scale``, at most 1; a pixel is hole where any that it stands for is."""
        seed = self.seed
        if seed is not None and self.seeds:  # the first keeps the user's seed, so that one window is the filler alone
            seed = torch_seed(seed, RngStream.WINDOWS, index=len(self.seeds))
        self.seeds.append(seed)
        part, hole = self._part(window), self.hole[window.slices]
        if scale >= 1:
            return Crop(part.rgb(), hole, self.text, seed, self.reference)
        height, width = (max(1, round(side * scale)) for side in hole.shape)
        known = part.pixels[..., : 1 if part.pixels.shape[2] < 3 else 3].copy()
        # Erased before it is averaged, or the mean would tell what lies under the hole. Where the share of hole in a
        # pixel is too small for 8 bits, a known pixel gets darker by less than one of their steps.
        known[hole] = 0
        colors = np.empty((height, width, known.shape[2]), known.dtype)
        cv2.resize(known, (width, height), dst=colors, interpolation=cv2.INTER_AREA)
        share = cv2.resize(hole * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
        return Crop(Picture(colors).rgb(), np.asarray(share > 0), self.text, seed, self.reference)

    def paint(self, window: Window, rgb: NDArray[np.float32], where: NDArray[np.bool_]) -> None:
        """Paint ``(h, w, 3)`` on a window where ``where`` is True, ``(h, w)``."""
        self.picture.pixels[window.slices] = self._part(window).filled(rgb, where).pixels

    def paint_hole(self, window: Window, rgb: NDArray[np.float32], box: Window) -> None:
        """Paint a window's prediction, of the window's size or smaller, on the hole inside of a box."""
        for row in grid((box.height, box.width), _BLOCK, 0):
            for block in row:
                part = Window(box.top + block.top, box.left + block.left, block.height, block.width)
                if self.hole[part.slices].any():
                    self.paint(part, cut(rgb, window, part), self.hole[part.slices])

    def inner(self, window: Window, hole: NDArray[np.bool_]) -> "Canvas":
        """A window as a canvas of its own, with another hole, painted over the same pixels."""
        return replace(self, picture=self._part(window), hole=hole)

    def _part(self, window: Window) -> Picture:
        return replace(self.picture, pixels=self.picture.pixels[window.slices])


def cut(
    rgb: NDArray[np.float32], window: Window, part: Window, mode: Literal["bicubic", "bilinear"] = "bicubic"
) -> NDArray[np.float32]:
    """Cut a part out of a window's prediction, at the picture's own size.

    Args:
        rgb: ``(h, w, C)``, of the window's size or smaller.
        window: that was predicted.
        part: inside of the window.
        mode: of interpolating a smaller prediction; bilinear never leaves the range of its values.
    """
    inner = part.within(window)
    if rgb.shape[:2] == (window.height, window.width):
        return rgb[inner.slices]
    # Not with OpenCV, which knows 32 places between two pixels: enlarged tenfold, a slope would become stairs.
    down, across = _middles(inner.top, inner.height, window.height), _middles(inner.left, inner.width, window.width)
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=2)[None]  # (1, h, w, 2)
    small = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    large = F.grid_sample(small, grid, mode=mode, padding_mode="border", align_corners=False)
    return large[0].permute(1, 2, 0).numpy()


def _middles(start: int, length: int, whole: int) -> torch.Tensor:
    """Centers of pixels, from -1 at one end of the whole to 1 at the other, as ``grid_sample`` counts."""
    return (torch.arange(start, start + length) + 0.5) * (2 / whole) - 1
