"""A mask for each picture: drawn by the user, or named by the dataset."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError, NoHole
from inlay.images import READ_HERE, SUFFIXES, MaskPolarity, find_images, log_unread, read_mask
from inlay.masks.morphology import fit
from inlay.masks.ranges import Ratio, Spread, check_family
from inlay.types import MaskContext

_MASK = re.compile(r"_mask\d*$")


class Partners:
    """Masks by the pictures they are named after, but for the suffix, and ``_mask`` or ``_mask001`` before it (LaMa).

    Args:
        names: of each mask its path below their folder: ``a/b.png`` is for ``a/b.jpg``, and ``b.png``, directly in the
            folder, also for a picture of that name further down.
        setting: that names the masks, for messages.

    Attributes:
        paths: of all masks.
    """

    def __init__(self, names: Mapping[Path, PurePosixPath], setting: str) -> None:
        self.paths, self.setting = list(names), setting
        self._by_path: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path, name in names.items():
            for each in {name.stem, _MASK.sub("", name.stem)}:
                self._by_path.setdefault(_plain(str(name.with_name(each))), []).append(path)
                if len(name.parts) == 1:  # deeper, the mask of another folder's picture of that name might lie
                    self._by_stem.setdefault(_plain(each), []).append(path)

    @classmethod
    def below(cls, root: str | Path, setting: str) -> Self:
        """All masks of a folder.

        Raises:
            InlayError: there are none.
        """
        found = found_masks(root, setting)
        return cls({path: PurePosixPath(path.relative_to(root).as_posix()) for path in found}, setting)

    def of(self, id: str) -> Path | None:
        """The mask of a picture, given by its path below its own folder; None where there is none.

        Raises:
            InlayError: several masks could be meant.
        """
        name = _plain(id.rpartition(".")[0] if id.lower().endswith(SUFFIXES) else id)
        paths = self._by_path.get(name) or self._by_stem.get(PurePosixPath(name).name)
        if not paths:
            return None
        if len(paths) > 1:
            raise InlayError(f"{self.setting}: {paths[0]} and {paths[1]} could both be meant for {id}. Keep one.")
        return paths[0]


def found_masks(root: str | Path, setting: str) -> list[Path]:
    """The mask files below a folder; what looks like one and is not read is warned of.

    Raises:
        InlayError: there are none; the message names the setting that named the folder.
    """
    found, unread = find_images(root)
    log_unread(unread)
    if not found:
        raise InlayError(f"{setting}={root}: no mask files there ({READ_HERE}). Check the path.")
    return found


def is_named_mask(path: Path) -> bool:
    """Whether a file says of itself that it is a mask: ``a_mask.png``, ``a_mask001.png``."""
    return _MASK.search(path.stem) is not None


def _plain(name: str) -> str:
    """One spelling of letters with marks: disks of macOS keep another one."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The mask that belongs to the picture.

    Attributes:
        root: a folder with a mask for each picture, named alike but for the suffix: ``a/b.png`` for ``a/b.jpg``, or
            just ``b.png`` directly in the folder. None takes the mask that the dataset's index names.
        mask_polarity: the color of the hole in the folder's files, ``white`` or ``black``.
        ratio: lowest and highest share that is hole; a mask outside it is grown or shrunk. None leaves masks alone.
        spread: ``natural`` leaves masks that meet the ratio alone; ``uniform`` grows or shrinks all of them, so that
            every share in it is as probable as any other.
        allow_empty: take a mask without any white as it is: for masks that are targets, where nothing is an answer.
    """

    root: str | None = None
    mask_polarity: MaskPolarity = "white"
    ratio: Ratio | None = None
    spread: Spread = "natural"
    allow_empty: bool = False
    _partners: Partners | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        check_family(self, self.spread)
        if self.root is not None:
            object.__setattr__(self, "_partners", Partners.below(self.root, "masks.root"))

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """The picture's mask, cut and resized as the picture was.

        Raises:
            NoHole: there is none for this picture, or it is empty.
            BadFile: its file is broken.
            InlayError: there is no picture, or several masks could be meant.
        """
        if context is None:
            raise InlayError("masks=paired takes a mask for each picture of a dataset: give data=... and data.root=...")
        if self._partners is None:
            mask = context.object()
        else:
            path = self._partners.of(context.id)
            mask = None if path is None else context.place(read_mask(path, self.mask_polarity))
        if mask is None:
            raise NoHole("the dataset names no mask for it" if self.root is None else f"no mask for it in {self.root}")
        if not mask.any():
            if self.allow_empty:
                return mask
            raise NoHole("its mask has no hole in what the sample shows")
        return fit(mask, self.ratio, rng, self.spread)

    def without_partner(self, ids: Iterable[str]) -> list[str]:
        """The pictures that the folder holds no mask for; what an index does not name is met later."""
        return [] if self._partners is None else [id for id in ids if self._partners.of(id) is None]
