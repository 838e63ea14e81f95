"""Any folder of photographs."""

from typing import Any

from inlay.data.datamodule import InpaintingData
from inlay.data.pictures import PictureFiles, Split, find_pictures


class FolderData(InpaintingData):
    """The photographs below a folder, split by ``train/`` and ``val/`` or by a hash of their paths.

    Args:
        root: the folder.
        val_fraction: share of files that validate where there is no ``val/``.
        options: of :class:`~inlay.data.InpaintingData`.
    """

    def __init__(self, root: str, val_fraction: float = 0.1, **options: Any) -> None:
        super().__init__(**options)
        self.root = root
        self.val_fraction = val_fraction

    def pictures(self, split: Split) -> PictureFiles:
        """See :func:`inlay.data.pictures.find_pictures`."""
        return find_pictures(self.root, split, self.val_fraction)
