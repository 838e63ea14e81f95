"""Two verbs for Python: ``inlay.load(model)``, and ``fill(image, mask)`` of what it returns."""

from inlay.inpainter.holes import Hole, check_threshold, fitted, frames_of, read_hole
from inlay.inpainter.inpainter import Inpainter, check_asked, load, seeds

__all__ = ["Hole", "Inpainter", "check_asked", "check_threshold", "fitted", "frames_of", "load", "read_hole", "seeds"]
