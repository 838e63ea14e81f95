"""Files that others wrote: regular ones, of bounded size."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from inlay.errors import BadFile

MOST = 2**26
"""Largest file that is read at once by default, in bytes: 64 MiB."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: str | os.PathLike[str], most: int | None = None) -> BufferedReader:
    """Open a file for reading in binary, if it is a regular one: no pipe that waits, no device that never ends.

    Links are followed; see :func:`inlay.files.inside` for where they may lead.

    Raises:
        BadFile: it is missing, cannot be read, is no regular file, or has more than ``most`` bytes.
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
