"""How datasets lie on disk: one listing each. A listing names pictures, streaming, and decodes none."""

from inlay.data.datasets.cub import CUB
from inlay.data.datasets.flist import FList
from inlay.data.datasets.folder import Folder
from inlay.data.datasets.pets import Pets
from inlay.data.datasets.places2 import Places2

__all__ = ["CUB", "FList", "Folder", "Pets", "Places2"]
