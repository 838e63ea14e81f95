"""Where holes come from. Every family is a callable ``(height, width, rng) -> (height, width) bool``, True = hole."""

from inlay.masks.families import Boxes, Center, Shapes, Strokes
from inlay.masks.files import Files
from inlay.masks.freeze import freeze

__all__ = ["Boxes", "Center", "Files", "Shapes", "Strokes", "freeze"]
