"""The metadata of a picture file: collected when it is read, written with the result."""

import logging
import math
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from inlay.images import exif
from inlay.images.chunks import MOST, Chunk, read_chunks, unfit

log = logging.getLogger(__name__)

EXIF_HEAD = b"Exif\0\0"
"""Prefix of EXIF in a JPEG, and in Pillow's ``info``."""

_UNREADABLE = (ValueError, SyntaxError, TypeError, KeyError, IndexError, OSError, EOFError, struct.error)
_SPACES = {1: b"GRAY", 2: b"GRAY", 3: b"RGB ", 4: b"RGB "}  # channels: the color space of their profile
_HIGHEST_DPI = 65535  # of JPEG
_XMP = b"<rdf:RDF"
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[0-9]""")
_XMP_OTHER_PICTURES = re.compile(rb"xmpGImg:|GImage:|hdrgm:|Container:|MicroVideo|MotionPhoto|HasExtendedXMP")


class JpegCoding(NamedTuple):
    """Compression of a JPEG: written with equal steps again, its unfilled blocks stay nearly as they were."""

    tables: tuple[tuple[int, ...], ...]
    """The quantization tables of the components, 64 steps row by row; the last holds for all that follow, too."""
    subsampling: int
    """Of the chroma: 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0."""
    rgb: bool = False
    """The components are red, green and blue rather than luminance and chroma."""


@dataclass(frozen=True)
class Metadata:
    """The metadata of a picture file.

    Attributes:
        icc: the color profile; only one for the color space of the pixels.
        exif: as a TIFF structure; the orientation is 1, for pixels are upright, and there is no thumbnail: it would
            show what was painted over. An address inside a maker's note may not be right any more.
        xmp: a packet of XML, in which the orientation is 1, too.
        dpi: pixels an inch, across and along.
        jpeg: of a picture that came as JPEG.
        chunks: of a PNG, its parts about colors besides a profile, and its texts.
        comments: of a JPEG.
        left_out: metadata of the file that are not kept, with the reason.
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    jpeg: JpegCoding | None = None
    chunks: tuple[Chunk, ...] = ()
    comments: tuple[bytes, ...] = ()
    left_out: tuple[str, ...] = ()

    def pil_info(self) -> dict[str, Any]:
        """The metadata by Pillow's names, as in ``info`` and ``save``."""
        named = {
            "icc_profile": self.icc,
            "exif": EXIF_HEAD + self.exif if self.exif else b"",
            "xmp": self.xmp,
            "dpi": self.dpi,
            "comment": b"\n".join(self.comments),
        }
        return {name: value for name, value in named.items() if value}


def collect(image: Image.Image, channels: int, sideways: bool, name: str, path: Path | None = None) -> Metadata:
    """The metadata of an opened picture; what is damaged is left out with a warning.

    Args:
        image: as Pillow opened it.
        channels: of the pixels that were made of it.
        sideways: whether height and width changed places when it was turned upright.
        name: for warnings.
        path: of the file, if any: the tags of a TIFF are its EXIF, and Pillow does not keep a PNG's parts.
    """
    dpi = _dpi(image.info.get("dpi"))
    tags, pictures = _exif(image, path, sideways, name)
    left_out = ["pictures within its EXIF (a thumbnail, a preview)"] if pictures else []
    if "photoshop" in image.info:
        left_out.append("its Photoshop block, which may hold a thumbnail")
    parts, unfit_parts = read_chunks(path) if path and image.format == "PNG" else ((), ())
    comments, unfit_comments = _comments(image)
    return Metadata(
        icc=_profile(image, channels, name),
        exif=tags,
        xmp=_xmp(image.info.get("xmp") or b"", name),
        dpi=dpi[::-1] if dpi and sideways else dpi,
        jpeg=_coding(image, sideways) if isinstance(image, JpegImageFile) and image.mode in ("L", "RGB") else None,
        chunks=parts,
        comments=comments,
        left_out=(*left_out, *unfit_parts, *unfit_comments),
    )


def fits(icc: bytes, channels: int) -> bool:
    """Whether a color profile is one for pixels of this number of channels (ICC.1:2022, table 17: its header)."""
    whole = len(icc) > 128 and icc[36:40] == b"acsp" and int.from_bytes(icc[:4], "big") <= len(icc)
    return whole and icc[16:20] == _SPACES[channels]


def in_srgb(image: Image.Image) -> Image.Image | None:
    """A CMYK picture in sRGB, by the profile of its inks and with the intent that this asks for.

    Returns:
        None where there is no profile for CMYK that can be used.
    """
    transform = _to_srgb(bytes(image.info.get("icc_profile") or b""))
    return transform.apply(image) if transform else None


@lru_cache(maxsize=2)  # half a megabyte each; pictures of a folder often share one
def _to_srgb(icc: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        if profile.profile.xcolor_space.strip() != "CMYK":
            return None
        wanted = ImageCms.Intent(ImageCms.getDefaultIntent(profile))
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "CMYK", "RGB", wanted)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _profile(image: Image.Image, channels: int, name: str) -> bytes:
    icc = image.info.get("icc_profile") or b""
    if not icc or fits(icc, channels):
        return bytes(icc)
    if image.mode == "CMYK" and _to_srgb(bytes(icc)):  # it has done its work
        return b""
    space = _SPACES[channels].decode().strip()
    log.warning("%s: its color profile is damaged, or not for %s pixels; it was left out.", name, space)
    return b""


def _exif(image: Image.Image, path: Path | None, sideways: bool, name: str) -> tuple[bytes, int]:
    """EXIF for the upright picture, and how many further pictures were left out of it."""
    try:
        if path and image.format == "TIFF":
            tags = exif.parse_tiff(path, image.tell()).upright(sideways)
        else:  # of a TIFF without a file or an old PNG Pillow puts it together
            raw = bytes(image.info.get("exif") or image.getexif().tobytes())
            tags = exif.parse(raw.removeprefix(EXIF_HEAD)).upright(sideways)
    except _UNREADABLE as error:
        log.warning("%s: its EXIF cannot be read (%s); it was left out.", name, error)
        return b"", 0
    if tags.lost:
        log.warning("%s: %d fields of its EXIF cannot be read; they were left out.", name, tags.lost)
    return tags.tobytes(), tags.pictures


def _comments(image: Image.Image) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """The comments of a JPEG, and what was left out of them and why."""
    found = [body for kind, body in getattr(image, "applist", ()) if kind == "COM"]
    kept: list[bytes] = []
    for comment in found:
        if not unfit(comment, MOST - sum(map(len, kept))):
            kept.append(comment)
    unkept = len(found) - len(kept)
    return tuple(kept), (f"{unkept} comments, which are too long or hold a further picture",) if unkept else ()


def _xmp(raw: bytes | str, name: str) -> bytes:
    xmp = raw.encode() if isinstance(raw, str) else bytes(raw)
    if xmp and (_XMP not in xmp or _XMP_OTHER_PICTURES.search(xmp)):
        log.warning("%s: its XMP is damaged, or tells of further pictures in the file; it was left out.", name)
        return b""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, along = (float(number) for number in value)
    except (*_UNREADABLE, ZeroDivisionError):
        return None
    sane = all(math.isfinite(number) and 1 < number <= _HIGHEST_DPI for number in (across, along))  # 1 means unknown
    return (across, along) if sane else None


def _coding(file: JpegImageFile, sideways: bool) -> JpegCoding | None:
    named = [component[3] for component in file.layer]
    while len(named) > 1 and named[-1] == named[-2]:
        named.pop()
    tables = [file.quantization.get(name, []) for name in named]
    if not tables or any(len(table) != 64 for table in tables):
        return None
    if sideways:  # so are its blocks, and the steps go with them
        tables = [[table[8 * column + row] for row in range(8) for column in range(8)] for table in tables]
    sampling = get_sampling(file)
    return JpegCoding(
        tables=tuple(tuple(table) for table in tables),
        subsampling=0 if sampling < 0 or (sideways and sampling == 1) else sampling,  # 4:4:0 is nothing Pillow writes
        rgb=file.mode == "RGB" and _is_rgb(file),
    )


def _is_rgb(file: JpegImageFile) -> bool:
    """Whether the components are colors, by libjpeg's rule: JFIF has none, Adobe a flag, else names decide."""
    if "jfif" in file.info:
        return False
    if "adobe_transform" in file.info:
        return bool(file.info["adobe_transform"] == 0)
    return [component[0] for component in file.layer] == [*b"RGB"]
