"""Pictures are written to files, whole or not at all, with the metadata of their source."""

import logging
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from inlay.errors import InlayError, unwritable
from inlay.files import write_bytes
from inlay.images import exif
from inlay.images.chunks import COLORS, Chunk, looks_like_srgb, packed
from inlay.images.formats import AVIF, HAS_AVIF, HAS_HEIF, HAS_JPEG_2000, HEIF, why_unread
from inlay.images.metadata import fits
from inlay.images.opencv import cv2
from inlay.images.picture import Picture, as_pil

log = logging.getLogger(__name__)

_BLUE_FIRST = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
_SEGMENT = 65533  # bytes that a part of a JPEG's head can hold
_BEFORE = {"exif": 0, "xmp": 29}  # bytes of them that name the part
_PNG_HEAD = 33  # bytes: the signature, and the chunk that is always first
_XMP_CHUNK = b"XML:com.adobe.xmp\0\0\0\0\0"
_COMMENT_CHUNK = b"Comment\0\0\0\0\0"


def check_writable(path: str | os.PathLike[str], picture: Picture, pages: int = 1) -> None:
    """Make sure that the format of a path's suffix can hold so large a picture of this mode, and the number of pages.

    Raises:
        InlayError: the suffix is unknown, or the format cannot hold the picture's mode or size, or the number of pages.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        why = why_unread(f"_{suffix}") or f"unknown suffix {suffix!r}."
        raise InlayError(f"{path}: {why} Use one of {', '.join(_FORMATS)}.")
    if pages > 1 and suffix not in _PAGED:
        raise InlayError(
            f"{path}: {pages} pages, and {suffix} holds one. Use {' or '.join(_PAGED)}, or choose one with frame=N."
        )
    if picture.mode not in _FORMATS[suffix].modes.split():
        raise InlayError(f"{path}: {suffix} cannot hold {picture.mode} pixels without loss. Use .png or .tiff.")
    if max(picture.size) > _FORMATS[suffix].longest:
        raise InlayError(
            f"{path}: {suffix} holds up to {_FORMATS[suffix].longest} pixels a side, "
            f"not {max(picture.size)}. Use .png or .tiff."
        )


def unsupported_metadata(path: str | os.PathLike[str], picture: Picture) -> list[str]:
    """Metadata of a picture that the format of a path's suffix cannot hold.

    Returns:
        Of ``profile``, ``EXIF``, ``XMP``, ``comments``, ``texts`` and ``colors`` (the parts of a PNG about them, where
        they are not those of sRGB).
    """
    metadata = picture.metadata
    there = {
        "profile": metadata.icc,
        "EXIF": metadata.exif,
        "XMP": metadata.xmp,
        "comments": metadata.comments,
        "texts": [chunk for chunk in metadata.chunks if chunk.name not in COLORS],
        "colors": not looks_like_srgb(metadata.chunks, bool(metadata.icc)),
    }
    held = _FORMATS[Path(path).suffix.lower()].holds.split()
    return [name for name, value in there.items() if value and name not in held]


def write_picture(path: str | os.PathLike[str], picture: Picture) -> None:
    """Write a picture in the format of the suffix, whole or not at all, with its metadata.

    PNG, TIFF, BMP and WebP (lossless) keep every pixel. JPEG is written with the quantization and the chroma
    subsampling that the picture came with; one that came from another format at quality 95 without subsampling.

    Raises:
        InlayError: see :func:`check_writable`; or the disk refuses.
    """
    write_pages(path, [picture])


def write_pages(path: str | os.PathLike[str], pages: Sequence[Picture]) -> None:
    """Write one picture as :func:`write_picture` does, or several as the pages of a TIFF."""
    path = Path(path)
    for picture in pages:
        check_writable(path, picture, len(pages))
    try:
        if len(pages) > 1:
            orders = (exif.parse(page.metadata.exif).order for page in pages if page.metadata.exif)
            order: exif.Order = next(orders, "<")
            write_bytes(path, exif.stacked([_tiff(page, order) for page in pages]))
        else:
            write_bytes(path, _FORMATS[path.suffix.lower()].encode(pages[0]))
    except OSError as error:
        raise unwritable(path, error) from error


def _jpeg(picture: Picture) -> bytes:
    info = _pil_info(picture)
    comments = b"".join(b"\xff\xfe" + struct.pack(">H", len(each) + 2) + each for each in picture.metadata.comments)
    for name in ("exif", "xmp"):
        if len(info.get(name, b"")) > _SEGMENT - _BEFORE[name]:
            log.warning("JPEG cannot hold %d bytes of %s; they were left out.", len(info.pop(name)), name.upper())
    coding, channels = picture.metadata.jpeg, picture.pixels.shape[2]
    how: dict[str, Any] = {"quality": 95, "subsampling": 0}
    if coding:  # as the source was coded
        tables = [list(table) for table in coding.tables[:channels]]
        how = {"qtables": tables, "subsampling": coding.subsampling, "keep_rgb": coding.rgb and channels == 3}
    return _by_pillow("JPEG", picture, extra=comments, **how, **info)


def _png(picture: Picture) -> bytes:
    """Its metadata follow the head, which is always as long."""
    channels = picture.pixels.shape[2]
    if picture.peak > 255 and channels > 1:  # Pillow has no mode for it
        ok, encoded = cv2.imencode(".png", cv2.cvtColor(picture.pixels, _BLUE_FIRST[channels]))
        if not ok:
            raise OSError(f"OpenCV could not encode {picture.mode}")
        data = bytes(encoded.data)
    else:
        data = _by_pillow("PNG", picture)
    return data[:_PNG_HEAD] + _png_chunks(picture) + data[_PNG_HEAD:]


def _by_pillow(kind: str, picture: Picture, **options: Any) -> bytes:
    """In memory: given a file, Pillow writes to its descriptor, and does not see that a full disk took half."""
    data = BytesIO()
    as_pil(picture.pixels).save(data, kind, **options)
    return data.getvalue()


def _png_chunks(picture: Picture) -> bytes:
    """The metadata as PNG holds them (third edition, sections 11.3.2.3, 11.3.3.4, 11.3.4.3 and 11.3.4.5)."""
    info, chunks = _pil_info(picture), list(picture.metadata.chunks)
    if "icc_profile" in info:
        chunks = [chunk for chunk in chunks if chunk.name != b"sRGB"]  # which it may not stand beside
        chunks.append(Chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(info["icc_profile"])))
    if "dpi" in info:
        meters = (round(number / 0.0254) for number in info["dpi"])
        chunks.append(Chunk(b"pHYs", struct.pack(">IIB", *meters, 1)))
    if "exif" in info:
        chunks.append(Chunk(b"eXIf", picture.metadata.exif))
    if "xmp" in info:
        chunks.append(Chunk(b"iTXt", _XMP_CHUNK + info["xmp"]))
    chunks += [Chunk(b"iTXt", _COMMENT_CHUNK + _utf8(comment)) for comment in picture.metadata.comments]
    return packed(chunks)


def _utf8(comment: bytes) -> bytes:
    """A comment of a JPEG, which does not say in which letters it is written."""
    try:
        comment.decode()
    except UnicodeDecodeError:
        comment = comment.decode("cp1252", "replace").encode()
    return comment.replace(b"\0", b"")


def _heif(picture: Picture) -> bytes:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return _by_pillow("HEIF", picture, quality=-1, chroma=444, **_pil_info(picture))


def _tiff(picture: Picture, order: exif.Order = "<") -> bytes:
    import tifffile  # a quarter of a second, for those alone who write one

    tags = exif.parse(picture.metadata.exif) if picture.metadata.exif else exif.Tags(order, {})
    channels = picture.pixels.shape[2]
    data = BytesIO()
    tifffile.imwrite(
        data,
        picture.pixels[..., 0] if channels == 1 else picture.pixels,
        byteorder=tags.order,  # that of the camera: a maker's note is written in it, too
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        metadata=None,
        software=False,
    )
    fields = {**_tiff_fields(picture, tags.order), **tags.fields}
    return exif.added_to_tiff(data.getvalue(), fields) if fields else data.getvalue()


def _tiff_fields(picture: Picture, order: exif.Order) -> exif.Directory:
    """The metadata that are fields of their own in a TIFF (TIFF 6.0, section 8; ICC.1:2022, B.4; XMP part 3)."""
    info = _pil_info(picture)
    fields: exif.Directory = {}
    if "dpi" in info:
        across, along = (struct.pack(f"{order}II", round(number * 10000), 10000) for number in info["dpi"])
        inch = struct.pack(f"{order}H", 2)
        fields |= {0x011A: (exif.RATIONAL, across), 0x011B: (exif.RATIONAL, along), 0x0128: (exif.SHORT, inch)}
    if "xmp" in info:
        fields[0x02BC] = (exif.BYTE, info["xmp"])
    if "icc_profile" in info:
        fields[0x8773] = (exif.UNDEFINED, info["icc_profile"])
    return fields


def _pil_info(picture: Picture, in_color: bool = False) -> dict[str, Any]:
    """The metadata by Pillow's names, without a profile that does not fit the number of channels.

    ``in_color`` is for formats without gray, for which Pillow repeats it.
    """
    info, channels = picture.metadata.pil_info(), picture.pixels.shape[2]
    info.pop("comment", None)
    if "icc_profile" in info and not fits(info["icc_profile"], max(3, channels) if in_color else channels):
        log.warning("The color profile is not one for the pixels of the file; it was left out.")
        del info["icc_profile"]
    return info


class _Format(NamedTuple):
    encode: Callable[[Picture], bytes]
    modes: str
    holds: str  # of the metadata
    longest: int = 2**31 - 1  # pixels a side


_JPEG = _Format(_jpeg, "L RGB", "profile EXIF XMP comments", 65500)
_PNG = _Format(_png, "L LA RGB RGBA L16 RGB16 RGBA16", "profile EXIF XMP comments texts colors")
_TIFF = _Format(_tiff, "L LA RGB RGBA L16 RGB16 RGBA16", "profile EXIF XMP")
_JPEG_2000 = _Format(partial(_by_pillow, "JPEG2000"), "L LA RGB RGBA L16", "")
_BARE_JPEG_2000 = _Format(partial(_by_pillow, "JPEG2000", no_jp2=True), "L LA RGB RGBA L16", "")
_AVIF = _Format(
    lambda picture: _by_pillow("AVIF", picture, quality=100, subsampling="4:4:4", **_pil_info(picture, in_color=True)),
    "L LA RGB RGBA",
    "profile EXIF XMP",
    65535,
)
_HEIF = _Format(_heif, "L LA RGB RGBA", "profile EXIF XMP", 16384)
_PAGED = (".tif", ".tiff")
_FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), _JPEG),
    ".bmp": _Format(lambda picture: _by_pillow("BMP", picture, dpi=picture.metadata.dpi or (96, 96)), "L RGB", ""),
    ".webp": _Format(
        lambda picture: _by_pillow("WEBP", picture, lossless=True, exact=True, **_pil_info(picture, in_color=True)),
        "L LA RGB RGBA",
        "profile EXIF XMP",
        16383,
    ),
    ".png": _PNG,
    **dict.fromkeys(_PAGED, _TIFF),
    **{suffix: _AVIF for suffix in AVIF if HAS_AVIF},
    **{suffix: _HEIF for suffix in HEIF if HAS_HEIF},
    **{suffix: _JPEG_2000 for suffix in (".jp2", ".jpx", ".jpf") if HAS_JPEG_2000},
    **{suffix: _BARE_JPEG_2000 for suffix in (".j2k", ".j2c", ".jpc") if HAS_JPEG_2000},
}
