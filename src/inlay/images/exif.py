"""EXIF: fields in directories, as TIFF holds them, kept byte by byte.

Pillow would read them into numbers and guess their types again when it writes; what a camera wrote shall come out as it
went in. (TIFF 6.0, section 2; Exif 2.32, section 4.6.)
"""

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, cast

Field: TypeAlias = tuple[int, bytes]
"""The type of a field and the bytes of its values."""
Directory: TypeAlias = "dict[int, Field | Directory]"
"""The fields of one directory by tag, and the directories below it."""

Order: TypeAlias = Literal["<", ">"]
"""Of the bytes in a number."""

BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7

_SIZES = {BYTE: 1, 2: 1, SHORT: 2, LONG: 4, RATIONAL: 8, 6: 1, UNDEFINED: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_HEADS: dict[bytes, Order] = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_BELOW: dict[int, tuple[int, ...]] = {0: (_EXIF, _GPS), _EXIF: (_INTEROPERABILITY,)}

_ORIENTATION, _STRIPS = 0x0112, 0x0111
_SWAPPED = {0x011A: 0x011B, 0xA002: 0xA003, 0xA20E: 0xA20F}  # resolution, size, focal plane: across and along
_OF_THE_PIXELS = {  # coding of the source's pixels (the writer of the new file sets its own), profile and XMP
    *range(0x00FE, 0x0104), 0x0106, 0x010A, 0x0111, *range(0x0115, 0x011A), 0x011C, 0x013D, 0x0140,
    *range(0x0142, 0x0146), 0x0152, 0x0153, 0x0154, 0x0155, 0x015B, *range(0x0200, 0x020A), 0x0211, 0x0212, 0x0214,
    0x02BC, 0x8773,
}  # fmt: skip
_OTHER_PICTURES = {0x014A, 0x8649, 0x935C, 0xC634}  # sub-images, Photoshop's thumbnail and layers, private to raw files
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Tags:
    """The tags of a file.

    Attributes:
        order: of the bytes in a number.
        fields: the first directory.
        lost: how many fields could not be read: they lead nowhere, or are there twice.
        pictures: how many fields with further pictures were left out, the thumbnail among them.
    """

    order: Order
    fields: Directory
    lost: int = 0
    pictures: int = 0

    def upright(self, sideways: bool) -> "Tags":
        """These tags for a picture that was turned upright, perhaps sideways, and whose hole will be filled.

        The thumbnail is left out, and whatever else holds a picture: it would show what was painted over. So is what
        describes the coding of the old file.
        """
        telling = {tag: value for tag, value in self.fields.items() if tag not in _OF_THE_PIXELS}
        fields = _without_pictures(telling)
        pictures = self.pictures + _count(telling) - _count(fields)
        if _ORIENTATION in fields:
            fields[_ORIENTATION] = (SHORT, struct.pack(f"{self.order}H", 1))
        return Tags(self.order, _sideways(fields) if sideways else fields, self.lost, pictures)

    def tobytes(self) -> bytes:
        """The tags as JPEG, PNG and WebP hold them; nothing where there are none."""
        if not self.fields:
            return b""
        head = next(head for head, order in _HEADS.items() if order == self.order)
        return head + struct.pack(f"{self.order}I", 8) + _pack(self.order, self.fields, 8)


def parse(data: bytes | mmap.mmap, page: int = 0) -> Tags:
    """Read tags, of EXIF or of a page of a TIFF file, from 0; thumbnails are not even looked for.

    Raises:
        ValueError: these are none.
    """
    reader = _Reader(data)
    return Tags(reader.order, reader.directory(reader.page(page), 0), reader.lost, reader.has_second())


def parse_tiff(path: Path, page: int = 0) -> Tags:
    """Read the tags of a page of a TIFF file. Errors: see :func:`parse`."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return replace(parse(data, page), pictures=0)


def added_to_tiff(data: bytes, fields: Directory) -> bytes:
    """A TIFF file with more fields of the same order of bytes: a new directory at its end, in place of the first."""
    tags = parse(data)
    start = len(data) + len(data) % 2
    directory = _pack(tags.order, {**tags.fields, **fields}, start)
    return b"".join((data[:4], struct.pack(f"{tags.order}I", start), data[8:].ljust(start - 8, b"\0"), directory))


def stacked(files: Sequence[bytes]) -> bytes:
    """TIFF files of one picture and one order of bytes each, as the pages of one file."""
    order = parse(files[0]).order
    whole, link = bytearray(files[0][:8]), 4  # where the address of the next directory goes
    for file in files:
        tags = parse(file)
        moved = len(whole) - 8
        whole += file[8:] + bytes(len(file) % 2)
        kind, strips = cast(Field, tags.fields[_STRIPS])
        layout = f"{order}{len(strips) // _SIZES[kind]}{'H' if kind == SHORT else 'I'}"
        addresses = [address + moved for address in struct.unpack(layout, strips)]
        fields = {**tags.fields, _STRIPS: (LONG, struct.pack(f"{order}{len(addresses)}I", *addresses))}
        struct.pack_into(f"{order}I", whole, link, len(whole))
        link = len(whole) + 2 + 12 * len(fields)
        whole += _pack(order, fields, len(whole))
    return bytes(whole)


class _Reader:
    """Reads directories; a field that leads outside the data is counted and left out."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        order = _HEADS.get(data[:4])
        if order is None or len(data) < 8:
            raise ValueError("no tags")
        self.data, self.order, self.lost = data, order, 0
        self.left = len(data)  # fields that share their bytes could fill any memory
        (self.start,) = struct.unpack_from(f"{order}I", data, 4)

    def page(self, number: int) -> int:
        """The address of a page's directory."""
        at = self.start
        for _ in range(number):
            if at + 2 > len(self.data):
                raise ValueError("no such page")
            (count,) = struct.unpack_from(f"{self.order}H", self.data, at)
            if at + 6 + 12 * count > len(self.data):
                raise ValueError("no such page")
            (at,) = struct.unpack_from(f"{self.order}I", self.data, at + 2 + 12 * count)
        return int(at)

    def directory(self, at: int, which: int) -> Directory:
        """The directory at an address; ``which`` is the tag that led to it."""
        if at + 2 > len(self.data):
            raise ValueError("no directory")
        (count,) = struct.unpack_from(f"{self.order}H", self.data, at)
        whole = min(count, (len(self.data) - at - 2) // 12)
        self.lost += count - whole
        fields: Directory = {}
        for place in range(at + 2, at + 2 + 12 * whole, 12):
            tag, kind, number, inline = struct.unpack_from(f"{self.order}HHI4s", self.data, place)
            try:
                if tag in fields:
                    raise ValueError("the second of its kind")
                below = tag in _BELOW.get(which, ())
                (address,) = struct.unpack(f"{self.order}I", inline)
                fields[tag] = self.directory(address, tag) if below else self._field(kind, number, inline, address)
            except ValueError:
                self.lost += 1
        return fields

    def has_second(self) -> bool:
        """Whether a directory follows the first: that of the thumbnail in EXIF, of the next page in a TIFF."""
        (count,) = struct.unpack_from(f"{self.order}H", self.data, self.start)
        return any(self.data[(end := self.start + 2 + 12 * count) : end + 4])

    def _field(self, kind: int, number: int, inline: bytes, at: int) -> Field:
        if kind not in _SIZES:
            raise ValueError("of no known type")
        size = _SIZES[kind] * number
        if size > 4 and (size > self.left or at + size > len(self.data)):
            raise ValueError("leads nowhere")
        self.left -= size
        return kind, inline[:size] if size <= 4 else self.data[at : at + size]


def _pack(order: Order, directory: Directory, start: int) -> bytes:
    """A directory for the address ``start``, which is even, and what belongs to it behind it."""
    behind = start + 2 + 12 * len(directory) + 4
    table, values = bytearray(struct.pack(f"{order}H", len(directory))), bytearray()
    for tag, value in sorted(directory.items()):
        address = struct.pack(f"{order}I", behind + len(values))
        if isinstance(value, dict):
            values += _pack(order, value, behind + len(values))
            value = LONG, address
        kind, data = value
        table += struct.pack(f"{order}HHI", tag, kind, len(data) // _SIZES[kind])
        table += data.ljust(4, b"\0") if len(data) <= 4 else address
        values += data + bytes(len(data) % 2) if len(data) > 4 else b""
    return bytes(table + bytes(4) + values)


def _without_pictures(fields: Directory) -> Directory:
    kept: Directory = {}
    for tag, value in fields.items():
        if isinstance(value, dict):
            value = _without_pictures(value)
        elif tag in _OTHER_PICTURES or _JPEG in value[1]:  # a maker's note may hold a preview
            continue
        if value:
            kept[tag] = value
    return kept


def _count(fields: Directory) -> int:
    return sum(_count(value) if isinstance(value, dict) else 1 for value in fields.values())


def _sideways(fields: Directory) -> Directory:
    """Swap the fields of width and height."""
    other = _SWAPPED | {along: across for across, along in _SWAPPED.items()}
    return {
        other.get(tag, tag): _sideways(value) if isinstance(value, dict) else value for tag, value in fields.items()
    }
