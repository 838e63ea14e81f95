"""Whatever can fill a hole, behind one verb: ``fill(image, mask, *, text=None, reference=None, seed=None) -> image``.

Fillers with a network are imported when they are asked for: the others do without, and seconds sooner.
"""

from typing import TYPE_CHECKING

from inlay import lazy
from inlay.fillers.base import Filler
from inlay.fillers.classical import CLASSICAL, Biharmonic, MeanFill, NavierStokes, Telea
from inlay.fillers.loading import FillerConfig, load_filler, short_name, short_names

if TYPE_CHECKING:
    from inlay.fillers.diffusers import DiffusersFiller
    from inlay.fillers.network import CheckpointFiller, NetworkFiller
    from inlay.fillers.onnx import OnnxFiller
else:
    _HOMES = {
        "CheckpointFiller": "network",
        "DiffusersFiller": "diffusers",
        "NetworkFiller": "network",
        "OnnxFiller": "onnx",
    }
    __getattr__ = lazy.attach(__name__, _HOMES)

__all__ = [
    "CLASSICAL",
    "Biharmonic",
    "CheckpointFiller",
    "DiffusersFiller",
    "Filler",
    "FillerConfig",
    "MeanFill",
    "NavierStokes",
    "NetworkFiller",
    "OnnxFiller",
    "Telea",
    "load_filler",
    "short_name",
    "short_names",
]
