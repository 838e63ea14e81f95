"""Pictures, holes and mask files for tests."""

import numpy as np

from inlay.images import Picture, write_picture


def picture(mode="RGB", size=(20, 30), seed=1):
    channels, dtype = len(mode.removesuffix("16")), np.uint16 if "16" in mode else np.uint8
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (*size, channels))
    return Picture(pixels.astype(dtype))


def half(height, width):
    return np.arange(height * width).reshape(height, width) % width < width // 2


def write_mask(path, white):
    write_picture(path, Picture(np.asarray(white)[..., None].astype(np.uint8) * 255))
    return path
