"""How often a JPEG goes over its pixels.

A progressive file sends them in some ten scans, each finer than the one before. Every scan costs as much time as the
picture is large, whatever it holds: a file of two megabytes can have twenty thousand, and keep a processor for minutes.
(ITU-T T.81, annex B.)
"""

import re
from collections.abc import Iterator
from typing import IO

from PIL import Image, ImageFile

MAX_SCANS = 100

_SOS = b"\xff\xda"  # start of scan
_NEXT = re.compile(rb"\xff+([^\x00\xff])")  # a marker; 0xff in coded pixels is followed by 0
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment: restarts, start of image
_END = 0xD9
_BLOCK = 2**20
_STRIPS, _TILES = (273, 279), (324, 325)  # TIFF's tags of where its parts begin, and how long they are


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
            if image.info.get("progressive") or not _is_one_scan(image, file):
                _check(file, 0, None)
        elif image.format == "TIFF" and "jpeg" in str(image.info.get("compression")):
            for start, length in _parts(image, file.seek(0, 2)):
                _check(file, start, length)
    finally:
        file.seek(before)


def _is_one_scan(image: Image.Image, file: IO[bytes]) -> bool:
    """Whether the first scan of a picture that is not progressive has all of its colors: then it is the last, too."""
    file.seek(0)
    data = file.read(_BLOCK)
    first = next((place for kind, place in _segments(data) if kind == _SOS[1] and place + 2 < len(data)), None)
    return first is not None and data[first + 2] == getattr(image, "layers", None)


def _check(file: IO[bytes], start: int, length: int | None) -> None:
    if _at_most(file, start, length) > MAX_SCANS:
        file.seek(start)
        if (scans := _count(file.read(-1 if length is None else length))) > MAX_SCANS:
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


def _count(data: bytes) -> int:
    """The scans of the first picture in a JPEG stream, segment by segment."""
    return sum(kind == _SOS[1] for kind, _ in _segments(data))


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
