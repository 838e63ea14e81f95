"""Mask generators: callables ``(height, width, rng, context) -> (height, width) bool``, True = hole.

Strokes, shapes and boxes are painted, the center and outpainting are windows; others read files, or the picture's own
masks and objects.
"""

from inlay.masks.center_outpaint import Center, Outpaint
from inlay.masks.deepfill_brush import DeepFillBrush
from inlay.masks.export import by_ratio
from inlay.masks.files import Files
from inlay.masks.generators import Boxes, Shapes, Strokes
from inlay.masks.lama_strokes import LaMaStrokes
from inlay.masks.mix import MixedMasks, UnitedMasks
from inlay.masks.objects import Objects
from inlay.masks.paired import Paired

__all__ = [
    "Boxes",
    "Center",
    "DeepFillBrush",
    "Files",
    "LaMaStrokes",
    "MixedMasks",
    "Objects",
    "Outpaint",
    "Paired",
    "Shapes",
    "Strokes",
    "UnitedMasks",
    "by_ratio",
]
