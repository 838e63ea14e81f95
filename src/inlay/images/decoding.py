"""From an opened file to pixels: by OpenCV where it is faster or keeps 16 bits, else by Pillow."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from inlay.errors import BadFile
from inlay.images.formats import bits_of
from inlay.images.jpeg import capture_libjpeg_warnings, check_scans
from inlay.images.metadata import in_srgb
from inlay.images.opencv import cv2
from inlay.images.picture import Picture, bands, upright

_END_OF_JPEG = b"\xff\xd9"
REDUCED = {  # scale: OpenCV's flag
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_RED_FIRST = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_ORIENTATION_TAG = 0x0112
WIDE = ("F", "I")
"""Pillow's modes of 32 bits a pixel."""


def stored_orientation(image: Image.Image) -> int:
    """The EXIF orientation that a file has, of a picture that is not decoded yet."""
    if image.format == "TIFF":
        value = getattr(image, "tag_v2", {}).get(_ORIENTATION_TAG)
        return value if isinstance(value, int) else 1
    return orientation_left(image)


def orientation_left(image: Image.Image) -> int:
    """The EXIF orientation that is still to be undone (TIFF 6.0, tag 274; 1 = upright, and where EXIF is damaged)."""
    if image.format == "TIFF":  # Pillow and OpenCV turn it upright as they decode it, and no other format
        return 1
    if image.format == "PNG" and "exif" not in image.info:
        image.load()  # it may follow the pixels
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error):
        return 1


def decode(path: Path, file: ImageFile.ImageFile) -> Picture:
    """The pixels of an opened file, upright, without metadata.

    Raises:
        BadFile: it has 32 bits a pixel, or too many scans.
        ValueError, OSError, SyntaxError: it is damaged; :func:`~inlay.images.opening.opened` names the file.
    """
    if file.mode in WIDE:
        raise BadFile(path, f"32 bits a pixel ({file.mode}): Inlay takes 8 or 16. Save it with one of them.")
    check_scans(file)
    deep_colors = _deep_colors(file)  # first: reading the EXIF of a PNG decodes it and forgets this
    turned = stored_orientation(file)
    if deep_colors:
        pixels = np.require(upright(_decode_16_bit_colors(path, file.tell()), orientation_left(file)), requirements="C")
        return Picture(pixels, "LA16" if deep_colors.startswith("LA") else "", turned=turned)
    if file.format == "JPEG" and file.mode in ("L", "RGB"):
        decoded, damage = decode_jpeg(file, cv2.IMREAD_GRAYSCALE if file.mode == "L" else cv2.IMREAD_COLOR)
        if decoded is not None:
            return Picture(np.atleast_3d(decoded), turned=turned, damage=damage)
    picture, damage = decode_by_pillow(file), ""
    if file.format in ("JPEG", "MPO"):
        # Pillow's libjpeg is silent, so OpenCV's decodes the file once more: an eighth is enough to hear its warning.
        data = np.fromfile(path, np.uint8)
        _, damage = capture_libjpeg_warnings(lambda: cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8))
    return replace(picture, turned=turned, damage=damage)


def decode_jpeg(file: ImageFile.ImageFile, how: int) -> tuple[NDArray[np.uint8] | None, str]:
    """Decode with OpenCV, which is twice as fast as Pillow and gives equal pixels.

    Returns:
        The pixels, None where Pillow has to try, and the warning about damaged ones.
    """
    handle = file.fp
    assert handle is not None
    handle.seek(0)
    data = handle.read()
    # OpenCV makes gray, without a warning, of what a truncated file lacks: such a file is left to Pillow, which raises.
    if not data.endswith(_END_OF_JPEG):
        return None, ""
    pixels, damage = capture_libjpeg_warnings(
        lambda: cv2.imdecode(np.frombuffer(data, np.uint8), how | cv2.IMREAD_IGNORE_ORIENTATION)
    )
    if pixels is None:
        return None, ""
    return np.ascontiguousarray(upright(_red_first(pixels), orientation_left(file))), damage


def _deep_colors(file: Image.Image) -> str:
    """The raw mode of 16-bit colors (``"RGB;16B"``), else ``""``: Pillow has no mode for them and keeps 8 bits."""
    raw = (str(tile[3][0] if isinstance(tile[3], tuple) else tile[3]) for tile in getattr(file, "tile", ()))
    return next((mode for mode in raw if ";16" in mode and file.mode in ("RGB", "RGBA", "LA")), "")


def _decode_16_bit_colors(path: Path, page: int) -> NDArray[np.uint16]:
    data = np.fromfile(path, np.uint8)
    if page:
        found = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(page, page + 1))[1]
        pixels = found[0] if found else None
    else:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError("16-bit colors could not be decoded")
    return np.asarray(_red_first(pixels), np.uint16)


def _red_first(pixels: NDArray[Any]) -> NDArray[Any]:
    """What OpenCV decoded, in our order of channels: in place, a few rows at a time, for OpenCV copies them first."""
    if pixels.ndim == 3:
        for rows in bands(*pixels.shape[:2]):
            cv2.cvtColor(pixels[rows], _RED_FIRST[pixels.shape[2]], dst=pixels[rows])
    return pixels


def decode_by_pillow(image: Image.Image) -> Picture:
    """The pixels of any picture of Pillow's, upright; errors as for :func:`decode`."""
    if image.mode in WIDE:
        raise ValueError(f"{image.mode} mode: 32 bits a pixel; Inlay takes 8 or 16")
    orientation, bits = orientation_left(image), bits_of(image)
    deep = image.mode.startswith("I;16")
    simple = image if deep else _in_simple_mode(image)
    pixels = upright(_pixels(simple, np.uint16 if deep else np.uint8), orientation)
    stored_as = "" if simple.mode == image.mode else image.mode
    if bits > 8 and not deep:
        stored_as = f"{image.mode} of {bits} bits"
    return Picture(np.require(pixels, requirements="C"), stored_as)


def _in_simple_mode(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode == "CMYK" and (colors := in_srgb(image)):
        return colors
    if mode not in ("L", "LA", "RGB", "RGBA"):
        target = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB")
        return image.convert("RGBA" if mode == "P" and "transparency" in image.info else target)
    if mode in ("L", "RGB") and "transparency" in image.info:  # PNG's one transparent color
        return image.convert(mode + "A")
    return image


def _pixels(image: Image.Image, dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """``(H, W, C)``, copied a few rows at a time: at once, Pillow would copy all of them two times on the way."""
    pixels = np.empty((image.height, image.width, len(image.getbands())), dtype)
    for rows in bands(image.height, image.width):
        part = image if rows.stop - rows.start == image.height else image.crop((0, rows.start, image.width, rows.stop))
        pixels[rows] = np.atleast_3d(np.asarray(part))
    return pixels
