"""Folders, walked to their ends: links are followed, never in a circle, and what is no file is named."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["file", "folder", "closed", "lost"]


class Found(NamedTuple):
    """One thing below a folder."""

    path: str
    """Relative to where the walk began, with forward slashes."""
    kind: Kind
    reason: str = ""
    """Why nobody can read it: a folder that cannot be searched is closed, lost are the others."""


def walk(root: Path, folder: str = "", _above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Found]:
    """Whatever lies below a folder, folder by folder, each in the order of names.

    Links to folders are followed, but for those that lead back to a folder that they lie in. What is hidden
    (``.name``) stays hidden. Links that lead nowhere, pipes, sockets and devices are lost. With ``folder``, only what
    lies there below the root.
    """
    here = root / folder
    try:
        status = here.stat()
        with os.scandir(here) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        yield Found(folder, "closed", f"cannot be searched ({error.strerror})")
        return
    if (status.st_dev, status.st_ino) in _above:  # a link back to where we came from
        return
    inside = _above | {(status.st_dev, status.st_ino)}
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{folder}/{entry.name}" if folder else entry.name
        yield (each := _seen(path, entry))
        if each.kind == "folder":
            yield from walk(root, path, inside)


def found(path: Path) -> Found:
    """The entry that :func:`walk` yields for a path."""
    return _seen(str(path), path)


def _seen(name: str, there: os.DirEntry[str] | Path) -> Found:
    try:
        if there.is_dir():
            return Found(name, "folder")
        if there.is_file():
            return Found(name, "file")
        there.stat()
    except OSError:
        return Found(name, "lost", "a link that leads nowhere")
    return Found(name, "lost", "no regular file but a pipe, a socket or a device")
