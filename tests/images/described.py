"""Metadata for tests, made without Inlay, and how independent readers see them in a file."""

import io
import struct
import zlib

import tifffile
from PIL import ExifTags, Image, ImageCms

from inlay.images import Metadata, Picture, write_picture
from inlay.images.chunks import Chunk, packed
from tests.images.files import picture, png

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]
CMYK_PROFILE = RGB_PROFILE[:16] + b"CMYK" + RGB_PROFILE[20:]  # which it is not


def ink_profile():
    """A profile of inks, made by the book (ICC.1:2022, 10.10): paper is white, and any ink a dark gray (L* 16)."""
    line, mixed = bytes(range(256)), [255, 128, 128] + [round(255 * 0.16), 128, 128] * 15
    identity = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + line * 4 + bytes(mixed) + line * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    head = struct.pack(">4s4s4s4s4s", bytes(4), bytes(4), bytes([2, 64, 0, 0]), b"prtr", b"CMYK") + b"Lab " + bytes(12)
    head += b"acsp" + bytes(24) + struct.pack(">I", 1) + struct.pack(">3i", 63190, 65536, 54061)
    start = 128 + 4 + 2 * 12
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", start, len(table), b"wtpt", start + len(table), len(white))
    whole = head.ljust(128, b"\0") + tags + table + white
    return struct.pack(">I", len(whole)) + whole[4:]


INK_PROFILE = ink_profile()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d" tiff:Make="Wid\xc3\xa9"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
THUMBNAIL = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4 + b"\xff\xd9"
NOTE = b"Nikon\0\2\x10" + bytes(range(200, 10, -1))
SUB_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop)


def exif(orientation=1, order="<", thumbnail=b"", note=NOTE):
    """EXIF as a camera writes it: three directories below the first, and one for the thumbnail behind it."""
    exif_fields = {
        0x829A: (5, struct.pack(order + "II", 1, 250)),  # exposure time
        0x8827: (3, struct.pack(order + "H", 400)),  # ISO
        0x9000: (7, b"0232"),
        0x9204: (10, struct.pack(order + "ii", -2, 6)),  # exposure bias
        0x927C: (7, note),
        0xA002: (4, struct.pack(order + "I", 4000)),  # width
        0xA003: (4, struct.pack(order + "I", 3000)),  # height
        0xA434: (2, b"50 mm f/1.8\0"),
    }
    first = {
        0x010F: (2, b"Nikon\0"),
        0x0112: (3, struct.pack(order + "H", orientation)),
        0x011A: (5, struct.pack(order + "II", 240, 1)),
        0x011B: (5, struct.pack(order + "II", 120, 1)),
        0x0128: (3, struct.pack(order + "H", 2)),
        0x0132: (2, b"2024:05:06 07:08:09\0"),
        0x013B: (2, b"Somebody\0"),
        0x8298: (2, b"all rights\0"),
        0x9C9B: (1, "title".encode("utf-16-le")),
    }
    gps = {1: (2, b"N\0"), 2: (5, struct.pack(order + "6I", 59, 1, 20, 1, 30, 1)), 29: (2, b"2024:05:06\0")}
    interoperability = {1: (2, b"R98\0"), 2: (7, b"0100")}
    data = bytearray(b"II*\0" if order == "<" else b"MM\0*") + bytes(4)
    exif_fields[0xA005] = (4, struct.pack(order + "I", append(data, order, interoperability)))
    first[0x8825] = (4, struct.pack(order + "I", append(data, order, gps)))
    first[0x8769] = (4, struct.pack(order + "I", append(data, order, exif_fields)))
    last = 0
    if thumbnail:
        at = len(data)
        data += thumbnail + bytes(len(thumbnail) % 2)
        jpeg = {0x0201: (4, struct.pack(order + "I", at)), 0x0202: (4, struct.pack(order + "I", len(thumbnail)))}
        last = append(data, order, jpeg)
    data[4:8] = struct.pack(order + "I", append(data, order, first, last))
    return bytes(data)


def append(data, order, fields, following=0):
    """Values first, then the directory: the other way round than Inlay writes it. Returns where it is."""
    entries = b""
    for tag, (kind, value) in sorted(fields.items()):
        size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8}[kind]
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(order + "I", len(data))
            data += value + bytes(len(value) % 2)
        entries += struct.pack(order + "HHI", tag, kind, len(value) // size) + place
    start = len(data)
    data += struct.pack(order + "H", len(fields)) + entries + struct.pack(order + "I", following)
    return start


def described(mode, **changed):
    profile = RGB_PROFILE if "RGB" in mode else GRAY_PROFILE
    told = {"icc": profile, "exif": exif(), "xmp": XMP % 1, "dpi": (240.0, 120.0), **changed}
    return Picture(picture(mode).pixels, metadata=Metadata(**told))


def fields(path):
    """The EXIF of a file as Pillow sees it: its values by directory and tag."""
    with Image.open(path) as file:
        return values(file.getexif())


def fields_of(data):
    found = Image.Exif()
    found.load(b"Exif\0\0" + data)
    return values(found)


def values(found):
    there = [tag for tag in SUB_DIRECTORIES if tag in found or (tag == ExifTags.IFD.Interop and found.get_ifd(0x8769))]
    directories = {0: found, **{int(tag): found.get_ifd(tag) for tag in there}}
    return {  # without the addresses
        which: {tag: value for tag, value in inside.items() if tag not in SUB_DIRECTORIES}
        for which, inside in directories.items()
    }


def raw_fields(data):
    """Tag, type and value of each field of the first directory of EXIF or a TIFF, as tifffile sees them."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        found = {tag.code: (tag.dtype.value, tag.count, tag.value) for tag in file.pages[0].tags}
    if 0x8769 in found:
        found[0x8769][2].pop("InteroperabilityTag", None)  # its address
    return found


def png_chunks(path):
    """The chunks of a PNG, in their order; each has the right checksum."""
    data, at, found = path.read_bytes(), 8, []
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(name + body),)
        found.append((name, body))
        at += 12 + length
    return found


def with_chunks(path, chunks, deep=False):
    whole = png(picture("RGB16" if deep else "RGB").pixels)
    path.write_bytes(whole[:33] + packed(Chunk(*chunk) for chunk in chunks) + whole[33:])
    return path


def wrote(folder, suffix, given):
    write_picture(folder / f"out{suffix}", given)
    return folder / f"out{suffix}"


def opened(path):
    with Image.open(path) as file:
        file.load()
        return file
