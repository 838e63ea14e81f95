"""A mask for each picture: drawn by the user, or named by the dataset."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError, NoHole
from inlay.images import SUFFIXES, HoleIs, find_images, read_mask
from inlay.masks.fitting import fit
from inlay.masks.ranges import Ratio, check_ratio, lists_to_tuples
from inlay.types import Scene


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The mask that belongs to the picture.

    Attributes:
        root: a folder with a mask for each picture, named alike but for the suffix: ``a/b.png`` for ``a/b.jpg``, or
            just ``b.png`` directly in the folder. None takes the mask that the dataset's index names.
        hole_is: the color of the hole in the folder's files, ``white`` or ``black``.
        ratio: lowest and highest share that is hole; a mask outside it is grown or shrunk. None leaves masks alone.
    """

    root: str | None = None
    hole_is: HoleIs = "white"
    ratio: Ratio | None = None
    _by_path: dict[str, list[Path]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _by_stem: dict[str, list[Path]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        lists_to_tuples(self)
        check_ratio(self.ratio)
        if self.root is None:
            return
        found = find_images(self.root)
        if not found:
            raise InlayError(f"masks.root={self.root}: no mask files there ({', '.join(SUFFIXES)}). Check the path.")
        for path in found:
            self._by_path.setdefault(path.relative_to(self.root).with_suffix("").as_posix(), []).append(path)
            if path.parent == Path(self.root):  # deeper, the mask of another folder's picture of that name might lie
                self._by_stem.setdefault(path.stem, []).append(path)

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, scene: Scene | None = None
    ) -> NDArray[np.bool_]:
        """The picture's mask, cut and resized as the picture was.

        Raises:
            NoHole: there is none for this picture, or it is empty.
            BadFile: its file is broken.
            InlayError: there is no picture, or several masks could be meant.
        """
        if scene is None:
            raise InlayError("masks=paired takes a mask for each picture of a dataset: give data=... and data.root=...")
        mask = scene.object() if self.root is None else self._read(scene)
        if mask is None:
            raise NoHole("the dataset names no mask for it" if self.root is None else f"no mask for it in {self.root}")
        if not mask.any():
            raise NoHole("its mask has no hole in what the sample shows")
        return fit(mask, self.ratio, rng)

    def without_partner(self, ids: Iterable[str]) -> list[str]:
        """The pictures that the folder holds no mask for; what an index does not name is met later."""
        return [] if self.root is None else [id for id in ids if self._partner(id) is None]

    def _read(self, scene: Scene) -> NDArray[np.bool_] | None:
        path = self._partner(scene.id)
        return None if path is None else scene.place(read_mask(path, self.hole_is))

    def _partner(self, id: str) -> Path | None:
        name = id.rpartition(".")[0] if id.lower().endswith(SUFFIXES) else id
        paths = self._by_path.get(name) or self._by_stem.get(PurePosixPath(name).name)
        if not paths:
            return None
        if len(paths) > 1:
            raise InlayError(f"masks.root: {paths[0]} and {paths[1]} could both be meant for {id}. Keep one.")
        return paths[0]
