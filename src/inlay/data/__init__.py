"""Photographs on disk to batches."""

from inlay.data.datamodule import InpaintingData
from inlay.data.demo import DemoData
from inlay.data.folder import FolderData

__all__ = ["DemoData", "FolderData", "InpaintingData"]
