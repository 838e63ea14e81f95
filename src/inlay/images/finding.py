"""The pictures below a folder, and what looks like one there and cannot be read."""

import logging
import os
from pathlib import Path
from typing import NamedTuple

from inlay.files import Found, walk
from inlay.images.formats import SUFFIXES, why_unread

log = logging.getLogger(__name__)

_SHOWN = 20  # lines of a list


class Unread(NamedTuple):
    """What is not read, though a picture may be meant or hidden there."""

    path: Path
    reason: str


class Images(NamedTuple):
    """What lies below a folder."""

    pictures: list[Path]
    unread: list[Unread]


def find_images(root: str | os.PathLike[str]) -> Images:
    """Every picture file below a folder, also behind links, sorted; what is hidden (``.name``) stays hidden."""
    root = Path(root)
    pictures, unread = [], []
    for found in walk(root):
        if reason := why_not_read(found):
            unread.append(Unread(root / found.path, reason))
        elif found.kind == "file" and found.path.lower().endswith(SUFFIXES):
            pictures.append(root / found.path)
    return Images(sorted(pictures), unread)


def why_not_read(found: Found) -> str:
    """Why something in a folder is not read; empty for pictures, and for files that are named like none."""
    return why_unread(found.path) if found.kind == "file" else found.reason


def tell_unread(unread: list[Unread]) -> None:
    """Warn of what is not read, a line each."""
    for path, reason in unread[:_SHOWN]:
        log.warning("not read: %s: %s", path, reason)
    if len(unread) > _SHOWN:
        log.warning("not read: %d more", len(unread) - _SHOWN)
