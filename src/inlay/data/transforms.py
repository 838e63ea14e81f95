"""Augmentation, the one place that knows albumentations (unmaintained upstream, so it stays replaceable)."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the package index for news at import
import albumentations as A

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Transform:
    """A pipeline whose every draw comes from the generator it is given."""

    def __init__(self, *steps: Any) -> None:
        self._pipeline = A.Compose(list(steps))

    def image(self, image: Image, rng: np.random.Generator) -> Image:
        """Transform an ``(H, W, 3)`` uint8 image."""
        return np.asarray(self._seeded(rng)(image=image)["image"])

    def pair(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Transform an ``(H, W, 3)`` uint8 image and its ``(H, W)`` bool mask by the same draws."""
        out = self._seeded(rng)(image=image, mask=mask.view(np.uint8))
        return np.asarray(out["image"]), np.asarray(out["mask"]).astype(np.bool_)

    def _seeded(self, rng: np.random.Generator) -> A.Compose:
        self._pipeline.set_random_seed(int(rng.integers(2**32)))
        return self._pipeline


def random_crop(size: int, scale: tuple[float, float], color_jitter: float = 0.0) -> Transform:
    """A random square of the picture, resized to ``size``, perhaps in other colors.

    Args:
        size: height and width of the result in pixels.
        scale: smallest and largest area of the square as a share of the picture's.
        color_jitter: how far brightness, contrast, saturation, hue and the balance of the channels may shift; 0 leaves
            colors alone, 1 shifts them a great deal.
    """
    crop = A.RandomResizedCrop((size, size), scale=scale, ratio=(1.0, 1.0), area_for_downscale="image")
    return Transform(crop, *_color_steps(color_jitter)) if color_jitter else Transform(crop)


def shrink(image: Image, short_side: int) -> Image:
    """The whole picture with its short side at ``short_side`` pixels, averaged over areas; a smaller one as it is."""
    if min(image.shape[:2]) <= short_side:
        return image
    return np.asarray(A.SmallestMaxSize(short_side, area_for_downscale="image")(image=image)["image"])


def center_crop(size: int) -> Transform:
    """The middle of the picture: its short side resized to ``size``, then the central square."""
    return Transform(A.SmallestMaxSize(size, area_for_downscale="image"), A.CenterCrop(size, size))


def random_flip() -> Transform:
    """Left and right exchanged in one of two cases, in image and mask alike."""
    return Transform(A.HorizontalFlip(p=0.5))


def _color_steps(strength: float) -> list[Any]:
    factor, hue, shift = (1 - strength, 1 + strength), (-strength / 2, strength / 2), (-64 * strength, 64 * strength)
    return [A.ColorJitter(factor, factor, factor, hue, p=1.0), A.RGBShift(shift, shift, shift, p=1.0)]
