"""Where Inlay keeps what it can make again."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """``$INLAY_CACHE``, else ``inlay`` in the user's cache directory (``$XDG_CACHE_HOME``, ``~/.cache``)."""
    if own := os.environ.get("INLAY_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inlay"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time: others wait, and then find the work done."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{lock}: another process is at work here; waiting for it", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
