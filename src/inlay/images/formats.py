"""Which files are pictures, by their names and first bytes, which of them are read, and which there are in a folder."""

import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple

from PIL import Image, ImageFile, features

from inlay.errors import BadFile
from inlay.files import Found, open_regular, walk

log = logging.getLogger(__name__)

HEIF = (".heic", ".heif", ".hif")
AVIF = (".avif",)
_JPEG_2000 = (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc")
_ALWAYS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")

HAS_AVIF = "avif" in features.modules and features.check_module("avif")  # Pillow knows of it since 11.3
HAS_JPEG_2000 = features.check_codec("jpg_2000")
HAS_HEIF = find_spec("pillow_heif") is not None

SUFFIXES = (*_ALWAYS, *AVIF * HAS_AVIF, *_JPEG_2000 * HAS_JPEG_2000, *HEIF * HAS_HEIF)
"""Of the pictures that are read here."""

READ_HERE = ", ".join(
    (
        *("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF"),
        *("AVIF",) * HAS_AVIF,
        *("JPEG 2000",) * HAS_JPEG_2000,
        *("HEIC",) * HAS_HEIF,
    )
)
"""Their names, for messages."""

LOSSY = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys(AVIF, "AVIF"),
    **dict.fromkeys(HEIF, "HEIC"),
}
"""What changes every pixel a little when it is written, by suffix."""

_NEEDED = {
    **dict.fromkeys(HEIF, "HEIC, which the extra heif reads: pip install 'inlay[heif]'."),
    **dict.fromkeys(AVIF, "AVIF, which this Pillow was built without: pip install --upgrade pillow."),
    **dict.fromkeys(_JPEG_2000, "JPEG 2000, which this Pillow was built without: pip install --upgrade pillow."),
}
_OTHERS = {
    "JPEG XL": ".jxl",
    "JPEG XR": ".jxr .wdp .hdp",
    "a camera's raw data": ".dng .cr2 .cr3 .crw .nef .nrw .arw .sr2 .orf .rw2 .raf .pef .srw .3fr .iiq .x3f .raw",
    "Photoshop's format": ".psd .psb",
    "GIMP's format": ".xcf",
    "Krita's format": ".kra",
    "a drawing": ".svg .svgz .eps .ai .wmf .emf",
    "OpenEXR": ".exr",
    "Radiance HDR": ".hdr",
    "Netpbm": ".ppm .pgm .pbm .pnm .pam",
    "Targa": ".tga",
    "an icon": ".ico .icns .cur",
    "DirectDraw": ".dds",
    "PCX": ".pcx",
    "an animated PNG": ".apng",
    "a bitmap": ".dib",
    "FITS": ".fits .fit",
    "DICOM": ".dcm",
}
_UNREAD = _NEEDED | {
    suffix: f"{name}, which is not read. Save it as PNG or TIFF."
    for name, suffixes in _OTHERS.items()
    for suffix in suffixes.split()
}

_PILLOW = (  # of all that it knows; EPS would run a program
    *("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"),
    *("AVIF",) * HAS_AVIF,
    *("JPEG2000",) * HAS_JPEG_2000,
)
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
}
_SHOWN = 20  # lines of a list
_NO_PICTURES = (".txt", ".json", ".jsonl", ".csv", ".xml", ".npy", ".t7", ".caption")
"""Files that there are by the millions beside pictures: their content is not looked at."""
_AVIF_BRANDS = (b"avif", b"avis")
_HEAD = 2**14  # bytes
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def why_unread(name: str) -> str:
    """Why a file that is named like a picture is none that is read here; empty for those that are, and for others."""
    name = name.lower()
    if name.endswith(SUFFIXES):
        return ""
    return next((reason for suffix, reason in _UNREAD.items() if name.endswith(suffix)), "")


def of_content(path: Path) -> str:
    """The picture format that a file's first bytes are of; empty for others, and for what cannot be read."""
    try:
        with open_regular(path) as file:
            head = file.read(12)
    except (BadFile, OSError):
        return ""
    if head[:4] == b"RIFF":
        return "WebP" if head[8:] == b"WEBP" else ""
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:] in _AVIF_BRANDS else "HEIC" if head[8:] in _BRANDS else ""
    return next((name for start, name in _STARTS.items() if head.startswith(start)), "")


def of_pillow(path: Path, file: IO[bytes]) -> tuple[str, ...]:
    """The formats that Pillow shall try on a file, going by its first bytes.

    Raises:
        BadFile: it is of a format that an extra reads, which is not there.
    """
    head = file.read(64)
    file.seek(0)
    if head[4:8] != b"ftyp" or head[8:12] not in _BRANDS or (HAS_AVIF and b"avif" in head):
        return _PILLOW
    if not HAS_HEIF:
        raise BadFile(path, _NEEDED[HEIF[0]])
    import pillow_heif

    pillow_heif.register_heif_opener()
    return ("HEIF",)


def bits_of(image: Image.Image) -> int:
    """Bits of a channel in a file of AVIF, HEIC or JPEG 2000, of which Pillow keeps 8; 8 for all others."""
    handle = image.fp if isinstance(image, ImageFile.ImageFile) else None
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    if image.format not in ("AVIF", "JPEG2000") or handle is None or handle.closed:
        return 8
    before = handle.tell()
    handle.seek(0)
    head = handle.read(_HEAD)
    handle.seek(before)
    mark, place = (b"av1C", 6) if image.format == "AVIF" else (b"\xff\x51", 40)
    start = head.find(mark)
    if start < 0 or start + place >= len(head):
        return 8
    depth = head[start + place]
    if image.format == "AVIF":  # a bit for more than 8, one for 12 (AV1-ISOBMFF 1.2, section 2.3)
        return 12 if depth & 0x20 else 10 if depth & 0x40 else 8
    return (depth & 0x7F) + 1  # ITU-T T.800, annex A.5.1


class Unread(NamedTuple):
    """What is not read, though a picture may be meant or hidden there."""

    path: Path
    reason: str


class Images(NamedTuple):
    """What lies below a folder."""

    pictures: list[Path]
    unread: list[Unread]


def find_images(root: str | os.PathLike[str]) -> Images:
    """Every picture file below a folder, also behind links, sorted; what is hidden (``.name``) stays hidden."""
    root = Path(root)
    pictures, unread = [], []
    for found in walk(root):
        if reason := why_not_read(found, root):
            unread.append(Unread(root / found.path, reason))
        elif found.kind == "file" and found.path.lower().endswith(SUFFIXES):
            pictures.append(root / found.path)
    return Images(sorted(pictures), unread)


def why_not_read(found: Found, root: Path) -> str:
    """Why what a walk of ``root`` found is not read, though named like a picture or one; empty for all else."""
    name = found.path.lower()
    if found.kind != "file" or name.endswith((*SUFFIXES, *_NO_PICTURES)):
        return found.reason
    if reason := why_unread(name):
        return reason
    kind = of_content(root / found.path)
    return f"{kind} by its content, and named like no picture. Give it the suffix of that." if kind else ""


def log_unread(unread: list[Unread]) -> None:
    """Warn of what is not read, a line each."""
    for path, reason in unread[:_SHOWN]:
        log.warning("not read: %s: %s", path, reason)
    if len(unread) > _SHOWN:
        log.warning("not read: %d more", len(unread) - _SHOWN)
