"""Filling large pictures from coarse to fine.

Kulshreshtha et al. 2022, "Feature Refinement to Improve High Resolution Image Inpainting".
"""

import logging
from collections.abc import Callable
from math import log2, sqrt
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inlay.errors import InlayError
from inlay.ops import composite, erase, pad_to_multiple

log = logging.getLogger(__name__)

_SIDE = 512  # of the coarsest copy, about: the network fills it well
_MOST_LEVELS = 3
_RADIUS = 7  # pixels of a disk: so near to its edge the coarse filling is no example


class Refinement(NamedTuple):
    """How a large picture is refined.

    Attributes:
        steps: of Adam for each size beyond the first.
        lr: of these steps.
        pixels: of the largest copy that is refined; a larger picture gets that copy's filling, enlarged.
    """

    steps: int = 15
    lr: float = 0.002
    pixels: int = 1_800_000

    def check(self) -> None:
        """Raise :class:`InlayError` where a number is out of range."""
        if self.steps < 1 or self.lr <= 0 or self.pixels < _SIDE**2:
            raise InlayError(
                f"refine_steps must be at least 1, refine_lr above 0 and refine_pixels at least {_SIDE**2:,}, got "
                f"{self.steps}, {self.lr} and {self.pixels}."
            )


Part = Callable[[Tensor], Tensor]


def fill_refined(
    encode: Part, decode: Part, masked: Tensor, mask: Tensor, multiple: int, settings: Refinement
) -> Tensor:
    """Fill a small copy, then larger ones, each led by the one before: its features are optimized.

    Features of a copy change so that the known pixels are met, and the filling, made smaller, meets the smaller one.
    About three passes through the network per step, with the memory of a training step for one picture.

    Args:
        encode: ``(B, 4, H, W)``, erased picture and mask, to features.
        decode: features to ``raw``, ``(B, 3, H, W)``.
        masked: ``(B, 3, H, W)`` RGB in ``[0, 1]`` with the hole blanked.
        mask: ``(B, 1, H, W)``, 1 = hole.
        multiple: what heights and widths must be divisible by.
        settings: how much of it.

    Returns:
        ``raw``, ``(B, 3, H, W)``.
    """
    height, width = masked.shape[-2:]
    scale = min(1.0, sqrt(settings.pixels / (height * width)))
    copies = [(_smaller(masked, scale), _smaller(mask, scale))]
    count = levels(*copies[0][0].shape[-2:])
    for _ in range(count - 1):
        copies.insert(0, (_smaller(copies[0][0], 0.5), _smaller(copies[0][1], 0.5)))
    largest = copies[-1][0].shape[-2:]
    passes = 3 * settings.steps * (count - 1)
    log.info("refine: %d sizes up to %dx%d, about %d passes through the network.", count, *reversed(largest), passes)
    filled: Tensor | None = None
    for picture, hole in copies:
        binary = (hole > 0).to(hole.dtype)  # a pixel that is hole in part is hole
        raw = _fill(encode, decode, erase(picture, binary), binary, filled, multiple, settings)
        filled = composite(raw, picture, binary)
    assert filled is not None
    if scale < 1:
        return F.interpolate(filled, (height, width), mode="bilinear")
    return raw


def levels(height: int, width: int) -> int:
    """How many sizes a picture is filled in: one up to about 720 px, two up to about 1,450, three beyond."""
    return min(max(1 + round(log2(min(height, width) / _SIDE)), 1), _MOST_LEVELS)


@torch.inference_mode(False)
@torch.enable_grad()
def _fill(
    encode: Part,
    decode: Part,
    masked: Tensor,
    mask: Tensor,
    coarse: Tensor | None,
    multiple: int,
    settings: Refinement,
) -> Tensor:
    """One size; the first one, without a coarser filling, is filled as it is."""
    height, width = masked.shape[-2:]
    # tensors of inference mode can be in no graph: copies can
    image, hole = masked.clone(), mask.clone()
    padded = pad_to_multiple(image, multiple), pad_to_multiple(hole, multiple, value=1.0)
    with torch.no_grad():
        features = encode(torch.cat(padded, dim=1))
        if coarse is None:
            return decode(features)[..., :height, :width]
        inner = eroded(F.interpolate(hole, coarse.shape[-2:], mode="area") > 0)
    target = coarse.clone()
    features = features.detach().requires_grad_()
    optimizer = torch.optim.Adam([features], lr=settings.lr)
    for step in range(settings.steps + 1):
        raw = decode(features)[..., :height, :width]
        if step == settings.steps:
            break
        small = F.interpolate(raw, target.shape[-2:], mode="area")
        known = ((raw - image).abs() * (1 - hole)).sum() / (1 - hole).sum().clamp(min=1) / 3
        filled = ((small - target).abs() * inner).sum() / inner.sum().clamp(min=1) / 3
        (features.grad,) = torch.autograd.grad(known + filled, features)
        optimizer.step()
    return raw.detach()


def eroded(mask: Tensor) -> Tensor:
    """A hole ``(B, 1, H, W)`` without its outermost 7 pixels, float32; what lies outside of the picture is hole."""
    offsets = torch.arange(-_RADIUS, _RADIUS + 1, device=mask.device)
    disk = (offsets[:, None].square() + offsets.square() <= _RADIUS**2).float()[None, None]
    outside = F.conv2d(F.pad((~mask).float(), (_RADIUS,) * 4), disk)
    return (outside == 0).float()


def _smaller(x: Tensor, scale: float) -> Tensor:
    """An image or a mask made smaller; of a mask, the share of hole in each pixel."""
    if scale >= 1:
        return x
    size = [max(1, round(side * scale)) for side in x.shape[-2:]]
    return F.interpolate(x, size, mode="area")
