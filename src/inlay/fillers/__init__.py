"""Whatever can fill a hole, behind one verb: ``fill(image, mask, text=None, seed=None) -> image``."""

from inlay.fillers.base import Filler
from inlay.fillers.classical import MeanFill, NavierStokes, Telea
from inlay.fillers.learned import Learned
from inlay.fillers.loading import load_filler
from inlay.fillers.text_guided import TextGuided

__all__ = ["Filler", "Learned", "MeanFill", "NavierStokes", "Telea", "TextGuided", "load_filler"]
