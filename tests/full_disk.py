"""A disk that takes no more."""

import builtins
import errno
import io
import resource
from contextlib import contextmanager


@contextmanager
def full_after(size):
    """No file grows beyond so many bytes: the write that would is cut short, and the next one is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Full(io.FileIO):
    """On a disk that takes three bytes more of each file."""

    def __init__(self, *given):
        super().__init__(*given)
        self.room = 3

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = super().write(bytes(data)[: self.room])
        self.room -= written
        return written


def fill_disk(monkeypatch):
    """From now on a disk is full to those who open files by descriptor, as inlay.files does."""

    def opened(file, mode="r", buffering=-1, *given, **options):
        if not isinstance(file, int) or "r" in mode:
            return inner(file, mode, buffering, *given, **options)
        return io.BufferedWriter(Full(file, mode)) if buffering else Full(file, mode)

    inner = builtins.open
    monkeypatch.setattr("builtins.open", opened)
