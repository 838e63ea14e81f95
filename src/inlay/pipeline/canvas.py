"""A picture while it is being filled, in the file's own numbers: 40 megapixels of float32 would be half a gigabyte."""

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from inlay.images import Picture
from inlay.pipeline.windows import Window, grid

Crop = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""``(h, w, 3)`` RGB in ``[0, 1]`` and the ``(h, w)`` hole in it."""

_BLOCK = 1024
"""Side of the parts that a large answer is painted in."""


class Canvas:
    """A picture that can be looked at and painted on through windows.

    Args:
        picture: of any mode; its pixels are painted on.
        hole: ``(H, W)``, True = hole: what is to be painted. It stays hole when it is painted: no window is shown it.
    """

    def __init__(self, picture: Picture, hole: NDArray[np.bool_]) -> None:
        self.picture, self.hole = picture, hole

    @property
    def whole(self) -> Window:
        """All of it."""
        return Window(0, 0, *self.hole.shape)

    def see(self, window: Window, scale: float = 1.0) -> Crop:
        """What a window shows, made smaller by ``scale``, at most 1.

        A small pixel is hole where any of those it stands for is. What lies under the hole is erased before: whatever
        of it is too little for 8 bits makes a known pixel darker by less than a step of them, and tells nothing.
        """
        part, hole = self._part(window), self.hole[window.slices]
        if scale >= 1:
            return part.rgb(), hole
        height, width = (max(1, round(side * scale)) for side in hole.shape)
        known = part.pixels[..., : 1 if part.pixels.shape[2] < 3 else 3].copy()
        known[hole] = 0
        colors = np.empty((height, width, known.shape[2]), known.dtype)
        cv2.resize(known, (width, height), dst=colors, interpolation=cv2.INTER_AREA)
        share = cv2.resize(hole * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
        return Picture(colors).rgb(), np.asarray(share > 0)

    def paint(self, window: Window, rgb: NDArray[np.float32], where: NDArray[np.bool_]) -> None:
        """Put ``(h, w, 3)`` into a window where ``where`` is, ``(h, w)``."""
        self.picture.pixels[window.slices] = self._part(window).filled(rgb, where).pixels

    def paint_all(self, window: Window, rgb: NDArray[np.float32], box: Window) -> None:
        """Put what a window was answered, at whatever size it was shown, into the hole inside of a box."""
        for row in grid((box.height, box.width), _BLOCK, 0):
            for block in row:
                part = Window(box.top + block.top, box.left + block.left, block.height, block.width)
                if self.hole[part.slices].any():
                    self.paint(part, cut(rgb, window, part), self.hole[part.slices])

    def _part(self, window: Window) -> Picture:
        return replace(self.picture, pixels=self.picture.pixels[window.slices])


def cut(
    rgb: NDArray[np.float32], window: Window, part: Window, mode: Literal["bicubic", "bilinear"] = "bicubic"
) -> NDArray[np.float32]:
    """A part of what a window was answered, at the picture's own size.

    Args:
        rgb: ``(h, w, C)``, of the window's size or smaller.
        window: what it shows.
        part: inside of the window.
        mode: how a smaller one is interpolated; bilinear never leaves the range of its values.
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
    """Of pixels, from -1 at one end of the whole to 1 at the other."""
    return (torch.arange(start, start + length) + 0.5) * (2 / whole) - 1
