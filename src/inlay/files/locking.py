"""Folders that one process uses at a time."""

import errno
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType

from inlay.errors import InlayError, unwritable
from inlay.files.reading import read_text
from inlay.printing import say

fcntl: ModuleType | None
try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None

log = logging.getLogger(__name__)

LOCK = ".inlay.lock"
"""What lies in a folder for as long as a process uses it."""

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}  # network disks
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_MOST = 10_000  # bytes that a lock says of its holder


@contextmanager
def held(folder: str | os.PathLike[str], doing: str, part: str = "") -> Iterator[None]:
    """Use a folder alone, for as long as this context lasts; a dead process holds nothing.

    On disks and systems without locks that is said, and the work goes on.

    Args:
        folder: made if missing.
        doing: what this process does there, such as ``training``; another one that comes is told.
        part: of the work there, such as ``3-of-16``, where processes with other parts share the folder.

    Raises:
        InlayError: another process uses it; the message names its host, its process and what it does. Or the folder
            cannot be written to.
    """
    path = Path(folder) / (f".inlay-{part}.lock" if part else LOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _opened_and_locked(path, folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        _describe(descriptor, doing)
        yield
    finally:
        with suppress(OSError):  # before the lock goes: who waits for it looks again
            path.unlink(missing_ok=True)
        _close(descriptor)


@contextmanager
def alone(lock: Path, told: bool = True) -> Iterator[None]:
    """One process at a time: others wait, and then find the work done.

    Where there are no locks, all do the work, and the last one's result stays.

    Args:
        lock: a file for this; it is made and left there.
        told: whether to say that this one waits; not where it is for an instant.
    """
    descriptor = _opened(lock)
    try:
        if not _locked(descriptor, lock):
            if told:
                say(f"{lock}: another process is at work here; waiting for it", sys.stderr)
            _locked(descriptor, lock, wait=True)
        yield
    finally:
        _close(descriptor)


def _opened_and_locked(path: Path, folder: str | os.PathLike[str]) -> int:
    while True:
        descriptor = _opened(path)
        try:
            if not _locked(descriptor, path):
                raise InlayError(f"{folder}: in use by {_holder(path)}. Wait for it, end it, or choose another folder.")
            if _is(path, descriptor):
                return descriptor
        except BaseException:
            _close(descriptor)
            raise
        _close(descriptor)  # its holder has just ended, and deleted it


_open: set[int] = set()


def _opened(path: Path) -> int:
    descriptor = os.open(path, _FLAGS, 0o666)
    _open.add(descriptor)
    return descriptor


def _close(descriptor: int) -> None:
    _open.discard(descriptor)
    os.close(descriptor)


def _let_go_in_a_fork() -> None:
    """A forked child, such as a loader's worker, would hold its parent's locks beyond the parent's death."""
    for descriptor in [*_open]:
        _close(descriptor)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_a_fork)


def _locked(descriptor: int, path: Path, wait: bool = False) -> bool:
    """Whether the lock is ours now, or there are no locks here, which is said."""
    try:
        if fcntl is None:
            raise OSError(errno.ENOSYS, "this system has none")
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        _say_unlocked(path.parent, error.strerror)
    return True


@cache
def _say_unlocked(folder: Path, why: str) -> None:
    log.warning("%s: no locks here (%s); see to it that no other process uses this folder.", folder, why)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _describe(descriptor: int, doing: str) -> None:
    told = {"host": socket.gethostname(), "pid": os.getpid(), "doing": doing, "since": _now()}
    with suppress(OSError):  # a full disk; the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(told).encode())


def _holder(path: Path) -> str:
    try:
        told = json.loads(read_text(path, _MOST))
        return f"process {int(told['pid'])} on {told['host']!s:.80} ({told['doing']!s:.80} since {told['since']!s:.40})"
    except (InlayError, ValueError, KeyError, TypeError):
        return "another process"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
