"""Whatever can fill a hole, behind one verb: ``fill(image, mask, *, text=None, seed=None) -> image``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inlay.fillers.base import Filler
from inlay.fillers.classical import CLASSICAL, Biharmonic, MeanFill, NavierStokes, Telea
from inlay.fillers.loading import load_filler
from inlay.fillers.names import short_name, short_names

if TYPE_CHECKING:
    from inlay.fillers.network import NetworkFiller
    from inlay.fillers.text_guided import TextGuided

__all__ = [
    "CLASSICAL",
    "Biharmonic",
    "Filler",
    "MeanFill",
    "NavierStokes",
    "NetworkFiller",
    "Telea",
    "TextGuided",
    "load_filler",
    "short_name",
    "short_names",
]

_WITH_NETWORKS = {"NetworkFiller": "inlay.fillers.network", "TextGuided": "inlay.fillers.text_guided"}


def __getattr__(name: str) -> Any:
    """Import the learned fillers when they are asked for: the others do without networks, and seconds sooner."""
    if name not in _WITH_NETWORKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WITH_NETWORKS[name]), name)
