"""Parts of a PNG about the look of its colors, and its texts: they are copied byte by byte.

(PNG, third edition, section 11.3.)
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

COLORS = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")
MOST = 2**20
"""Bytes of the texts of a picture, unpacked."""

_HEAD = b"\x89PNG\r\n\x1a\n"
_PARTS = {  # what stands before a text: keyword, and perhaps whether it is packed, language, translated keyword
    b"tEXt": re.compile(rb"[^\0]{1,79}\0()"),
    b"zTXt": re.compile(rb"[^\0]{1,79}\0\0()"),
    b"iTXt": re.compile(rb"[^\0]{1,79}\0([\0\1])\0[^\0]*\0[^\0]*\0"),
}
_ELSEWHERE = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type xmp")  # read as EXIF and XMP
_OTHER_PICTURE = re.compile(
    rb"/9j/[\w+/]{40}|iVBORw0KGgo|data:image|ffd8ff[de]|RIFF....WEBP|\xff\xd8\xff|\x89PNG", re.S
)
_SRGB = {b"gAMA": (45455,), b"cHRM": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)}
_CICP_OF_SRGB = b"\x01\x0d\x00\x01"


class Chunk(NamedTuple):
    """A part of a PNG, without length and checksum."""

    name: bytes
    body: bytes


def read_chunks(path: Path) -> tuple[tuple[Chunk, ...], tuple[str, ...]]:
    """Read the parts of a PNG about its colors, and its texts.

    Returns:
        The parts, and what was left out of them and why: what is damaged, too long, or holds a further picture, which
        would show what was painted over.
    """
    kept: dict[Chunk, None] = {}
    left_out: list[str] = []
    room = MOST
    with path.open("rb") as file:
        for name, body in _wanted(file):
            if body is None:
                left_out.append(f"a part {name.decode()}, which is damaged or too long")
            elif name in COLORS:
                kept[Chunk(name, body)] = None
            elif (keyword := body.partition(b"\0")[0]) not in _ELSEWHERE:
                text = _unpacked(name, body, room)
                if reason := unfit(text, room):
                    left_out.append(f"the text {keyword[:79].decode('latin-1')!r}, which {reason}")
                else:
                    kept[Chunk(name, body)] = None
                    room -= len(text or b"")
    return tuple(kept), tuple(left_out)


def unfit(text: bytes | None, room: int = MOST) -> str:
    """Why a text does not travel with its picture; empty for one that does. None is one that cannot be unpacked."""
    if text is None:
        return "is damaged"
    if len(text) > room:
        return "is too long"
    return "holds a further picture" if _OTHER_PICTURE.search(text) else ""


def looks_like_srgb(chunks: tuple[Chunk, ...], profile: bool) -> bool:
    """Whether a reader that knows none of these parts shows the same colors: those of sRGB, or of a profile."""
    colors = {chunk.name: chunk.body for chunk in chunks if chunk.name in COLORS}
    if b"cICP" in colors:
        return colors[b"cICP"] == _CICP_OF_SRGB
    if profile or b"sRGB" in colors:
        return True
    return all(
        colors[name] == struct.pack(f">{len(usual)}I", *usual) for name, usual in _SRGB.items() if name in colors
    )


def packed(chunks: Iterable[Chunk]) -> bytes:
    """Parts as they stand in a file."""
    return b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def _unpacked(name: bytes, body: bytes, most: int) -> bytes | None:
    """The text of a ``tEXt``, ``zTXt`` or ``iTXt``, of which one byte more than is wanted will do; None: damaged."""
    found = _PARTS[name].match(body)
    if found is None:
        return None
    text = body[found.end() :]
    if name == b"tEXt" or found[1] == b"\0":
        return text
    try:
        return zlib.decompressobj().decompress(text, most + 1)
    except zlib.error:
        return None


def _wanted(file: BinaryIO) -> Iterator[tuple[bytes, bytes | None]]:
    """Name and body of the parts in question; no body where the checksum is wrong, or where it is far too long."""
    if file.read(len(_HEAD)) != _HEAD:
        return
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name not in COLORS and name not in _PARTS:
            file.seek(length + 4, 1)
        elif length > 2 * MOST:
            file.seek(length + 4, 1)
            yield name, None
        else:
            body = file.read(length)
            sound = file.read(4) == struct.pack(">I", zlib.crc32(name + body))
            yield name, body if sound else None
