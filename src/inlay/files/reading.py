"""Files that others wrote: regular ones, of bounded size, and below the folder they belong to."""

import os
import re
import stat
from io import BufferedReader
from pathlib import Path, PurePath

from inlay.errors import BadFile, InlayError

MOST = 2**26
"""Largest file that is read at once by default, in bytes: 64 MiB."""

SUSPICIOUS = r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)"
"""Regular expression that finds names which could lead out of the folder they are relative to."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: str | os.PathLike[str], most: int | None = None) -> BufferedReader:
    """Open a file for reading in binary, if it is a regular one: no pipe that waits, no device that never ends.

    Links are followed; see :func:`inside` for where they may lead.

    Args:
        path: of the file.
        most: largest size in bytes; None for any.

    Raises:
        BadFile: it is missing, cannot be read, is no regular file, or is too large.
    """
    try:
        _check_regular(path, Path(path).stat())  # before it is opened, which alone can set a device going
        file = open(os.open(path, _FLAGS), "rb")  # noqa: PTH123, SIM115 -- Path.open takes no descriptor
    except OSError as error:
        raise BadFile(path, _reason(path, error)) from error
    try:
        found = os.fstat(file.fileno())
        _check_regular(path, found)
        if most is not None and found.st_size > most:
            raise _too_large(path, most)
    except BaseException:
        file.close()
        raise
    return file


def read_bytes(path: str | os.PathLike[str], most: int = MOST) -> bytes:
    """The content of a regular file of bounded size.

    Raises:
        BadFile: see :func:`open_regular`.
    """
    with open_regular(path, most) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise BadFile(path, _reason(path, error)) from error
    if len(content) > most:
        raise _too_large(path, most)
    return content


def read_text(path: str | os.PathLike[str], most: int = MOST) -> str:
    """The content of a text file in UTF-8, without a byte order mark.

    Raises:
        BadFile: see :func:`read_bytes`; or it is not UTF-8.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(path, f"no text in UTF-8 (byte {error.start})") from error


def inside(root: str | os.PathLike[str], name: str | os.PathLike[str]) -> Path:
    """The path of a file that somebody else's list, index or folder names, with links resolved.

    Args:
        root: the folder it has to lie below; it may be a link itself.
        name: relative to the root, or absolute.

    Raises:
        InlayError: it lies elsewhere, by its name or by a link.
    """
    home, found = Path(root).resolve(), Path(root, name).resolve()
    if not found.is_relative_to(home):
        raise InlayError(f"{name}: leads out of {root}, to {found}. Copy the file into the folder, and name it there.")
    return found


def names_inside(root: str | os.PathLike[str] | None, name: str) -> bool:
    """Whether a name in a list is the name of something below the list's root.

    What the folders and pictures there are is their owner's business: they may be links, unlike those of
    :func:`inside`.

    Args:
        root: the folder; None where it is not known, so that only relative names are below it.
        name: relative to the root, or absolute.
    """
    if not re.search(SUSPICIOUS, name):
        return True
    if root is None:
        return False
    home, path = Path(root), PurePath(name)
    if ".." in path.parts:  # behind a link to a folder it does not lead back
        return (home / path).resolve().is_relative_to(home.resolve())
    return not path.is_absolute() or any(path.is_relative_to(place) for place in (home.absolute(), home.resolve()))


def _check_regular(path: str | os.PathLike[str], found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise BadFile(path, "a folder, where a file is expected")
    if not stat.S_ISREG(found.st_mode):
        raise BadFile(path, "no regular file but a pipe, a socket or a device")


def _too_large(path: str | os.PathLike[str], most: int) -> BadFile:
    return BadFile(path, f"larger than the {most:,} bytes that such a file may have")


def _reason(path: str | os.PathLike[str], error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link that leads nowhere" if Path(path).is_symlink() else "no such file"
    return f"cannot be read ({error.strerror or error})"
