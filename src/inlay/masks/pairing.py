"""Which of many masks belongs to which picture."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Self

from inlay.errors import InlayError
from inlay.images import READ_HERE, SUFFIXES, find_images, log_unread

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

    Args:
        root: the folder.
        setting: that names it, for messages.

    Raises:
        InlayError: there are none.
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
