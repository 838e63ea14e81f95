"""Inlay trains models that fill holes in pictures, and uses them.

``inlay.load(model).fill(image, mask)`` is all that a program needs; see :mod:`inlay.pipeline`.
"""

import sys
from typing import TYPE_CHECKING

from inlay import programs
from inlay.lazy import attach

if TYPE_CHECKING:
    from inlay.pipeline import FillOptions, Inpainter, load, load_composer, load_region

__all__ = ["FillOptions", "Inpainter", "__version__", "load", "load_composer", "load_region"]
__version__ = "0.1.0"

if sys.argv[:1] == ["-m"]:
    programs.check()

# Imported when they are used: training needs none of them, and --help no PyTorch.
__getattr__ = attach(__name__, dict.fromkeys(set(__all__) - {"__version__"}, "pipeline"))
