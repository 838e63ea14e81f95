"""Color augmentation, the one place that knows albumentations (unmaintained upstream, so it stays replaceable)."""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the package index for news at import
import albumentations as A


class ColorJitter:
    """Random brightness, contrast, saturation, hue and balance of the channels.

    Args:
        strength: how far they may shift, in ``[0, 1]``; 0 leaves colors alone, 1 shifts them a great deal.
    """

    def __init__(self, strength: float) -> None:
        factor, hue, shift = (1 - strength, 1 + strength), strength / 2, 64 * strength
        self._pipeline = A.Compose(
            [
                A.ColorJitter(factor, factor, factor, (-hue, hue), p=1.0),
                A.RGBShift((-shift, shift), (-shift, shift), (-shift, shift), p=1.0),
            ]
        )
        self._idle = strength == 0

    def __call__(
        self, images: Mapping[str, NDArray[np.uint8]], rng: np.random.Generator
    ) -> dict[str, NDArray[np.uint8]]:
        """Change the colors of ``(H, W, 3)`` uint8 images, of all of them alike; every draw comes from ``rng``."""
        if self._idle:
            return dict(images)
        seed, jittered = int(rng.integers(2**32)), {}
        for name, image in images.items():
            self._pipeline.set_random_seed(seed)
            jittered[name] = np.asarray(self._pipeline(image=image)["image"])
        return jittered
