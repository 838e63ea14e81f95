"""What libjpeg says of a JPEG whose coded pixels are damaged: it decodes on, and writes one line to stderr.

Neither OpenCV nor Pillow passes its warnings on, so the line is read from there.
"""

import os
import re
import tempfile
import threading
from collections.abc import Callable
from typing import IO, TypeVar

Answer = TypeVar("Answer")

_STDERR = 2
_ONE_AT_A_TIME = threading.Lock()  # there is one stderr, and who decodes meanwhile would be heard, too
_OF_THE_PIXELS = re.compile(
    rb"^(?!.*ICC)(Corrupt JPEG data: .*|Premature end of JPEG file.*|Inconsistent progression sequence .*)\n?", re.M
)


def overheard(decode: Callable[[], Answer]) -> tuple[Answer, str]:
    """Run a decoder of JPEG that warns on stderr.

    What others write there meanwhile is written when it is done.

    Returns:
        Its answer, and what is wrong with the pixels, ``""`` for nothing.
    """
    with _ONE_AT_A_TIME:
        try:
            terminal = os.dup(_STDERR)
        except OSError:  # closed: nobody can be heard
            return decode(), ""
        written = b""
        try:
            with _scratch() as scratch:
                os.dup2(scratch.fileno(), _STDERR)
                try:
                    answer = decode()
                finally:
                    os.dup2(terminal, _STDERR)
                    scratch.seek(0)
                    written = scratch.read()
        finally:
            if others := _OF_THE_PIXELS.sub(b"", written):
                os.write(terminal, others)
            os.close(terminal)
    found = _OF_THE_PIXELS.search(written)
    return answer, f"its pixels are damaged (libjpeg: {found[1].decode(errors='replace').strip()})" if found else ""


def _scratch() -> IO[bytes]:
    if hasattr(os, "memfd_create"):  # of Linux; where no disk can be full
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()
