"""Photographs on disk, by position."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.images import SUFFIXES, find_images, read_image

Split = Literal["train", "val"]


class Pictures(Protocol):
    """A sequence of photographs that are read when asked for."""

    def __len__(self) -> int:
        """How many."""
        ...

    def read(self, index: int) -> NDArray[np.uint8]:
        """The photograph at a position, ``(H, W, 3)`` uint8 RGB."""
        ...

    def name(self, index: int) -> str:
        """What that photograph is called."""
        ...


@dataclass(frozen=True)
class PictureFiles:
    """Photographs in files.

    Attributes:
        root: the folder that names are relative to.
        names: relative paths with forward slashes.
    """

    root: Path
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> NDArray[np.uint8]:
        """Decode one file. Raises :class:`InlayError` with its path when that fails."""
        return read_image(self.root / self.names[index])

    def name(self, index: int) -> str:
        """The relative path."""
        return self.names[index]


def find_pictures(root: str | Path, split: Split, val_fraction: float) -> PictureFiles:
    """Find a folder's photographs of one split, recursively and in sorted order.

    A folder that holds ``train/`` and ``val/`` is split by them. Any other folder is split by a hash of each file's
    relative path, so that adding files moves none from one split to the other
    (but for the file that keeps a split of a handful from being empty).

    Args:
        root: the folder.
        split: which part.
        val_fraction: share of files that go to ``val`` where the hash decides, in ``(0, 1)``.

    Raises:
        InlayError: the folder is missing or holds too little; the message says what was looked for.
    """
    root = Path(root)
    if not root.is_dir():
        raise InlayError(f"data.root={root}: no such folder. Give the folder that holds your pictures.")
    if (root / "train").is_dir() and (root / "val").is_dir():
        root = root / split
        names = _names(root)
    else:
        names = _hash_split(_names(root), split, val_fraction)
    if not names:
        raise InlayError(f"data.root: no pictures for {split!r} in {root} (looked for {', '.join(SUFFIXES)}).")
    return PictureFiles(root, names)


def _names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_images(root)]


def _hash_split(names: list[str], split: Split, val_fraction: float) -> list[str]:
    if not 0.0 < val_fraction < 1.0:
        raise InlayError(f"data.val_fraction must lie between 0 and 1, got {val_fraction}.")
    if len(names) == 1:
        raise InlayError(f"data.root: one picture ({names[0]}) cannot be split. Training takes at least two.")
    place = {name: _unit_hash(name) for name in names}
    val = {name for name in names if place[name] < val_fraction}
    if names and not val:  # a handful of files: the lowest hash validates
        val = {min(names, key=place.__getitem__)}
    elif names and len(val) == len(names):
        val.remove(max(names, key=place.__getitem__))
    return [name for name in names if (name in val) == (split == "val")]


def _unit_hash(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
