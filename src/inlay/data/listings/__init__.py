"""How datasets lie on disk: one listing each. A listing names pictures, streaming, and decodes none."""

from inlay.data.listings.cub import CUB
from inlay.data.listings.flist import FList
from inlay.data.listings.folder import Folder
from inlay.data.listings.pets import Pets
from inlay.data.listings.places2 import Places2

__all__ = ["CUB", "FList", "Folder", "Pets", "Places2"]
