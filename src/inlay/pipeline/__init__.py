"""A picture of any size, a hole and a filler make a filled picture: ``inlay.load(model).fill(image, mask)``."""

from inlay.pipeline.composers import (
    BLENDS,
    Blend,
    Composer,
    FeatherComposer,
    HardComposer,
    PoissonComposer,
    choose_composer,
    load_composer,
)
from inlay.pipeline.fill import Filled, FillOptions, Job, fill_picture, fill_pictures
from inlay.pipeline.inpainter import Inpainter, check_request, load, seeds
from inlay.pipeline.regions import AlphaRegion, GeneratedRegion, MaskRegion, Region, load_region
from inlay.pipeline.strategies import STRATEGIES, Strategy

__all__ = [
    "BLENDS",
    "STRATEGIES",
    "AlphaRegion",
    "Blend",
    "Composer",
    "FeatherComposer",
    "FillOptions",
    "Filled",
    "GeneratedRegion",
    "HardComposer",
    "Inpainter",
    "Job",
    "MaskRegion",
    "PoissonComposer",
    "Region",
    "Strategy",
    "check_request",
    "choose_composer",
    "fill_picture",
    "fill_pictures",
    "load",
    "load_composer",
    "load_region",
    "seeds",
]
