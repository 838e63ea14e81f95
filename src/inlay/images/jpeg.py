"""What a JPEG may do to whoever decodes it: go over its pixels without end, or hide that they are damaged.

A progressive file sends its pixels in some ten scans, each finer than the one before. Every scan costs as much time as
the picture is large, whatever it holds: a file of two megabytes can have twenty thousand, and keep a processor for
minutes. (ITU-T T.81, annex B.)

libjpeg decodes on where pixels are damaged, and writes one line to stderr. Neither OpenCV nor Pillow passes that on, so
it is read from there.
"""

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import IO, TypeVar

from PIL import Image, ImageFile

Result = TypeVar("Result")

MAX_SCANS = 100

_SOS = b"\xff\xda"  # start of scan
_NEXT = re.compile(rb"\xff+([^\x00\xff])")  # a marker; 0xff in coded pixels is followed by 0
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment: restarts, start of image
_END = 0xD9
_BLOCK = 2**20
_STRIPS, _TILES = (273, 279), (324, 325)  # TIFF's tags of where its parts begin, and how long they are

_STDERR = 2
_ONE_AT_A_TIME = threading.Lock()  # there is one stderr for all threads
_OF_THE_PIXELS = re.compile(
    rb"^(?!.*ICC)(Corrupt JPEG data: .*|Premature end of JPEG file.*|Inconsistent progression sequence .*)\n?", re.M
)


def check_scans(image: Image.Image) -> None:
    """Refuse a picture that was opened and is not yet decoded, if it has too many scans.

    Raises:
        ValueError: more than :data:`MAX_SCANS`.
    """
    file = image.fp if isinstance(image, ImageFile.ImageFile) else None
    if file is None or file.closed:  # decoded already
        return
    before = file.tell()
    try:
        if image.format in ("JPEG", "MPO"):
            file.seek(0)
            data = file.read(_BLOCK)
            first = next((place for kind, place in _segments(data) if kind == _SOS[1] and place + 2 < len(data)), None)
            # A first scan that has all colors is the last one, too, where the picture is not progressive.
            whole = first is not None and data[first + 2] == getattr(image, "layers", None)
            if image.info.get("progressive") or not whole:
                _check(file, 0, None)
        elif image.format == "TIFF" and "jpeg" in str(image.info.get("compression")):
            for start, length in _parts(image, file.seek(0, 2)):
                _check(file, start, length)
    finally:
        file.seek(before)


def _check(file: IO[bytes], start: int, length: int | None) -> None:
    if _at_most(file, start, length) > MAX_SCANS:
        file.seek(start)
        data = file.read(-1 if length is None else length)
        if (scans := sum(kind == _SOS[1] for kind, _ in _segments(data))) > MAX_SCANS:
            raise ValueError(f"{scans:,} scans, and more than {MAX_SCANS} take too long to decode; save it anew")


def _at_most(file: IO[bytes], start: int, length: int | None) -> int:
    """How many scans there may be: what looks like one may belong to a profile or a thumbnail."""
    file.seek(start)
    found, last = 0, b""
    while block := file.read(_BLOCK if length is None else min(_BLOCK, length)):
        found += (last + block).count(_SOS)
        last = block[-1:] if block[-1:] == _SOS[:1] else b""
        length = None if length is None else length - len(block)
    return found


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Kind and place of each segment up to the end of the first picture."""
    place = 0
    while marker := _NEXT.search(data, place):
        kind, place = marker[1][0], marker.end()
        if kind == _END:
            break
        if kind not in _ALONE:
            yield kind, place
            place += int.from_bytes(data[place : place + 2])


def _parts(image: Image.Image, size: int) -> list[tuple[int, int]]:
    tags = getattr(image, "tag_v2", {})
    for starts, lengths in (_STRIPS, _TILES):
        parts = list(zip(tags.get(starts, ()), tags.get(lengths, ()), strict=False))
        if sum(length for _, length in parts) > size:
            raise ValueError("its strips are longer than the file")
        if parts:
            return parts
    return []


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
                size = os.lseek(scratch, 0, os.SEEK_CUR)
                written = os.pread(scratch, size, 0)
                os.lseek(scratch, 0, os.SEEK_SET)
                os.ftruncate(scratch, 0)
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
