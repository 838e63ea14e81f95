"""A picture of any size, a hole and a filler make a filled picture: ``inlay.load(model).fill(image, mask)``."""

from inlay.pipeline.fill import Filled, Job, fill_picture, fill_pictures
from inlay.pipeline.inpainter import Inpainter, check_asked, load, seeds
from inlay.pipeline.masks import Hole, check_threshold, fitted, frames_of, read_hole
from inlay.pipeline.options import BLENDS, STRATEGIES, Blend, FillOptions, Strategy

__all__ = [
    "BLENDS",
    "STRATEGIES",
    "Blend",
    "FillOptions",
    "Filled",
    "Hole",
    "Inpainter",
    "Job",
    "Strategy",
    "check_asked",
    "check_threshold",
    "fill_picture",
    "fill_pictures",
    "fitted",
    "frames_of",
    "load",
    "read_hole",
    "seeds",
]
