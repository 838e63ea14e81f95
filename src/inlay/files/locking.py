"""Folders that one process uses at a time, and steps that processes take in turns."""

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

from filelock import FileLock, Timeout

from inlay.errors import InlayError, unwritable
from inlay.files.reading import read_text
from inlay.printing import say

log = logging.getLogger(__name__)

LOCK = ".inlay.lock"
"""What lies in a folder for as long as a process uses it."""

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}  # network disks
_PATIENCE = 0.2  # seconds: a holder that is just ending deletes the file, and a lock on a deleted file is none
_LONGEST = 10_000  # bytes that a lock says of its holder


@contextmanager
def held(folder: str | os.PathLike[str], doing: str, part: str = "") -> Iterator[None]:
    """Use a folder alone, for as long as this context lasts; a dead process holds nothing.

    On disks without locks a warning is logged, and the work goes on.

    Args:
        folder: made if missing.
        doing: what this process does there, such as ``training``, for the message that another one gets.
        part: of the work there, such as ``3-of-16``, where processes with other parts share the folder.

    Raises:
        InlayError: another process uses it, or the folder cannot be written to.
    """
    path = Path(folder) / (f".inlay-{part}.lock" if part else LOCK)
    lock = FileLock(path, fallback_to_soft=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock, path, _PATIENCE)
    except Timeout:
        raise InlayError(
            f"{folder}: in use by {_holder(path)}. Wait for it, end it, or choose another folder."
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "doing": doing, "since": now}
        with suppress(OSError):  # a full disk; Windows, where nobody reads or writes what is locked
            path.write_text(json.dumps(holder), encoding="utf-8")  # in place, as the lock is on this very file
        yield
    finally:
        with suppress(OSError):  # before the lock goes: who waits for it looks again
            path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def file_lock(path: Path, announce: bool = True) -> Iterator[None]:
    """One process at a time: others wait, and then find the work done; on disks without locks all do it.

    Args:
        path: a file for this; it is made and left there.
        announce: whether to print that this process waits; not where it is for an instant.
    """
    lock = FileLock(path, fallback_to_soft=False)
    try:
        try:
            _acquire(lock, path, timeout=0)
        except Timeout:
            if announce:
                say(f"{path}: another process is at work here; waiting for it", sys.stderr)
            lock.acquire()
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, timeout: float) -> None:
    try:
        lock.acquire(timeout)
    except Timeout:
        raise
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        _warn_unlocked(path.parent, error.strerror)


@cache
def _warn_unlocked(folder: Path, why: str) -> None:
    log.warning("%s: no locks here (%s); see to it that no other process uses this folder.", folder, why)


def _holder(path: Path) -> str:
    try:
        found = json.loads(read_text(path, _LONGEST))
        doing = f"{found['doing']!s:.80} since {found['since']!s:.40}"
        return f"process {int(found['pid'])} on {found['host']!s:.80} ({doing})"
    except (InlayError, ValueError, KeyError, TypeError):
        return "another process"
