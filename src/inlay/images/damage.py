"""Warnings of libjpeg about damaged pixels: it decodes on, and writes one line to stderr.

Neither OpenCV nor Pillow passes its warnings on, so the line is read from there.
"""

import os
import re
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

Result = TypeVar("Result")

_STDERR = 2
_ONE_AT_A_TIME = threading.Lock()  # there is one stderr for all threads
_OF_THE_PIXELS = re.compile(
    rb"^(?!.*ICC)(Corrupt JPEG data: .*|Premature end of JPEG file.*|Inconsistent progression sequence .*)\n?", re.M
)


def capture_libjpeg_warnings(decode: Callable[[], Result]) -> tuple[Result, str]:
    """Run a decoder of JPEG that warns on stderr.

    Lines of other threads are written to stderr when it is done.

    Returns:
        The decoder's result, and libjpeg's warning about the pixels, ``""`` for none.
    """
    with _ONE_AT_A_TIME:
        try:
            terminal = os.dup(_STDERR)
        except OSError:  # closed
            return decode(), ""
        scratch, written = _scratch(os.getpid()), b""
        try:
            os.dup2(scratch, _STDERR)
            try:
                result = decode()
            finally:
                os.dup2(terminal, _STDERR)
                written = _taken(scratch)
        finally:
            if others := _OF_THE_PIXELS.sub(b"", written):
                os.write(terminal, others)
            os.close(terminal)
    found = _OF_THE_PIXELS.search(written)
    return result, f"its pixels are damaged (libjpeg: {found[1].decode(errors='replace').strip()})" if found else ""


@lru_cache(maxsize=1)
def _scratch(process: int) -> int:
    """Descriptor of a file that stands in for stderr; a process that was forked needs another than its parent's."""
    if hasattr(os, "memfd_create"):  # of Linux; where no disk can be full
        return os.memfd_create("stderr")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _taken(scratch: int) -> bytes:
    """Read and delete what was written."""
    size = os.lseek(scratch, 0, os.SEEK_CUR)
    if not size:
        return b""
    os.lseek(scratch, 0, os.SEEK_SET)
    written = os.read(scratch, size)
    os.lseek(scratch, 0, os.SEEK_SET)
    os.ftruncate(scratch, 0)
    return written
