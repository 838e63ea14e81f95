"""The pictures below a folder, and what looks like one there and cannot be read."""

import logging
import os
from pathlib import Path
from typing import NamedTuple

from inlay.files import Found, walk
from inlay.images.formats import SUFFIXES, of_content, why_unread

log = logging.getLogger(__name__)

_SHOWN = 20  # lines of a list
_NO_PICTURES = (".txt", ".json", ".jsonl", ".csv", ".xml", ".npy", ".t7", ".caption")
"""Files that there are by the millions beside pictures: their content is not looked at."""


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
        if reason := why_not_read(found, root):
            unread.append(Unread(root / found.path, reason))
        elif found.kind == "file" and found.path.lower().endswith(SUFFIXES):
            pictures.append(root / found.path)
    return Images(sorted(pictures), unread)


def why_not_read(found: Found, root: Path) -> str:
    """Why something is not read, be it named like a picture or be it one; empty for pictures, and for other files.

    Args:
        found: by a walk.
        root: where that began.
    """
    name = found.path.lower()
    if found.kind != "file" or name.endswith((*SUFFIXES, *_NO_PICTURES)):
        return found.reason
    if reason := why_unread(name):
        return reason
    kind = of_content(root / found.path)
    return f"{kind} by its content, and named like no picture. Give it the suffix of that." if kind else ""


def log_unread(unread: list[Unread]) -> None:
    """Warn of what is not read, a line each."""
    for path, reason in unread[:_SHOWN]:
        log.warning("not read: %s: %s", path, reason)
    if len(unread) > _SHOWN:
        log.warning("not read: %d more", len(unread) - _SHOWN)
