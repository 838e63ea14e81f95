"""Files that are there whole or not at all, under names that nobody else can have prepared."""

import errno
import os
import secrets
import shutil
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

_PART = ".inlay-{}-{}.part"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.ENOSYS}  # network and FUSE file systems


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A new file for binary writing that takes its name when it is whole and on the disk.

    It is written beside its place under a name that cannot be guessed, flushed and renamed; a link of that name is
    replaced, not followed. Where anything is raised, what was there before stays, and nothing else.

    Encoders that write to a file's descriptor themselves (Pillow) can miss a full disk: let them write into memory.

    Raises:
        OSError: the disk refuses.
    """
    with replacing_all(path) as (file,):
        yield file


@contextmanager
def replacing_all(*paths: str | os.PathLike[str]) -> Iterator[list[IO[bytes]]]:
    """New files that belong together, as :func:`replacing`: all are on the disk before the first one takes its name.

    The last one makes the others count. It is removed before the first one is replaced, so that it never stands beside
    an older or newer one than its own.

    Raises:
        OSError: the disk refuses.
    """
    targets = [Path(path) for path in paths]
    folder = targets[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_part_of(path) for path in targets]
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(_flushed(part)) for part in parts]
        if len(targets) > 1:
            targets[-1].unlink(missing_ok=True)
        for part, path in zip(parts, targets, strict=True):
            part.replace(path)
    finally:
        for part in parts:
            with suppress(OSError):  # the disk that refused the file may refuse this too
                part.unlink(missing_ok=True)
    _flush_names(folder)


def replace_link(path: Path, target: str) -> None:
    """Let a name be a symbolic link to another, from one moment to the next.

    Raises:
        OSError: there are no links here: exFAT, SMB, Colab's Drive, Windows without the privilege.
    """
    part = _part_of(path)
    try:
        part.symlink_to(target)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to write in that takes its name when all in it is there; where anything is raised, nothing is left.

    Raises:
        OSError: the disk refuses, or something is there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(path)
    part.mkdir()
    try:
        yield part
        _flush_names(part)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _flush_names(path.parent)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: str | os.PathLike[str], content: str) -> None:
    """Write a file in UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def append(path: str | os.PathLike[str], content: bytes) -> None:
    """Add to a file's end, all or nothing: what a full disk took half of is taken back.

    The file and its folder are made where they are missing.

    Raises:
        OSError: the disk refuses, or the file is a link.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o666), "ab", buffering=0) as file:  # noqa: PTH123
        before, left = file.seek(0, os.SEEK_END), memoryview(content)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            if file.seek(0, os.SEEK_END) == before + len(content) - len(left):  # nobody has written behind it
                file.truncate(before)
            raise


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Delete what killed processes had begun to write in a folder; only its holder may (:func:`inlay.files.held`).

    With a ``name``, only what was to become the file or folder of that name.
    """
    for part in folder.glob(_PART.format("*" if name is None else _mark(name), "*")):
        with suppress(OSError):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()


def _part_of(path: Path) -> Path:
    """A name, beside a file's or a folder's, for what is not yet whole: nobody can have prepared it."""
    return path.with_name(_PART.format(_mark(path.name), secrets.token_hex(8)))


@contextmanager
def _flushed(part: Path) -> Iterator[IO[bytes]]:
    """A file for binary writing that was not there, and is on the disk when this context ends."""
    with open(os.open(part, _NEW, 0o666), "wb") as file:  # noqa: PTH123 -- Path.open takes no descriptor
        yield file
        file.flush()
        _synchronized(file.fileno())


def _flush_names(folder: Path) -> None:
    # A new name is in the folder, which is flushed by itself: or a power failure could forget the file.
    with suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _synchronized(descriptor)
        finally:
            os.close(descriptor)


def _synchronized(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _mark(name: str) -> str:
    """Short, however long the name is."""
    return f"{zlib.crc32(os.fsencode(name)):08x}"
