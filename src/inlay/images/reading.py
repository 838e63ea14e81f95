"""Pictures come in from files, and from Pillow."""

import logging
import os
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from inlay.errors import BadFile, InlayError
from inlay.images.damage import overheard
from inlay.images.formats import READ_HERE, bits_of, of_pillow, why_unread
from inlay.images.frames import check_single, choose, left_out, places
from inlay.images.metadata import collect
from inlay.images.opencv import cv2
from inlay.images.picture import SIDEWAYS, Picture, bands, upright
from inlay.images.scans import check_scans

log = logging.getLogger(__name__)

MAX_PIXELS = 150_000_000

_END_OF_JPEG = b"\xff\xd9"
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_RED_FIRST = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_ORIENTATION_TAG = 0x0112
_WIDE = ("F", "I")  # Pillow's modes of 32 bits a pixel
_ROUNDING = 1.001  # of floats that should end at the brightest value


def read_picture(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, frame: int | None = None) -> Picture:
    """Read a picture: gray, palette, CMYK, 16 bits or alpha; turned upright by EXIF.

    The formats are those of :data:`~inlay.images.formats.READ_HERE`. Damaged metadata are left out with a warning.

    Args:
        path: the file.
        max_pixels: refuse larger pictures before decoding them.
        frame: which page of a TIFF, or frame of an animation, from 1; None for files that hold one picture.

    Raises:
        BadFile: the file is missing, is no picture, is damaged or is too large; or it holds several and ``frame`` names
            none of them.
    """
    with opened(path, max_pixels, frame) as file:
        if frame in (None, 1) and (others := left_out(file)):
            log.warning("%s: holds %d more versions of the picture, as previews are; they were left out.", path, others)
        return _described(_decode(Path(path), file), file, os.fspath(path))


def read_pages(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, frame: int | None = None) -> list[Picture]:
    """Every page of a TIFF; of another file, or where a frame is named, the one picture of :func:`read_picture`.

    Args:
        path: the file.
        max_pixels: refuse pages that have more together.
        frame: as for :func:`read_picture`.

    Raises:
        BadFile: see :func:`read_picture`; animations are refused.
    """
    if frame is not None:
        return [read_picture(path, max_pixels, frame)]
    with opened(path, max_pixels, frame=1) as file:
        pages = places(file) if file.format == "TIFF" else [0]
        if len(pages) > 1 and (total := sum(_pixels_of(file, page) for page in pages)) > max_pixels:
            raise BadFile(path, f"{len(pages)} pages of {total:,} pixels are too many. Choose one with frame=N.")
    numbers = range(1, len(pages) + 1) if len(pages) > 1 else [None]
    return [read_picture(path, max_pixels, number) for number in numbers]


def count_frames(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> int:
    """How many pictures a file holds: pages, or frames. Errors: see :func:`read_picture`."""
    with opened(path, max_pixels, frame=1) as file:
        return len(places(file))


def read_pixels(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, frame: int | None = None) -> Picture:
    """:func:`read_picture` without the metadata, for masks: gray of 32 bits a pixel is taken by :func:`of_numbers`."""
    with opened(path, max_pixels, frame) as file:
        if file.mode in _WIDE:
            check_scans(file)
            return of_numbers(upright(np.asarray(file), _orientation(file)), path)
        return _decode(Path(path), file)


def of_numbers(numbers: NDArray[Any], name: str | os.PathLike[str]) -> Picture:
    """A gray picture of 16 bits from whole numbers or floats, whose range tells what is white: 1, 255 or 65535.

    Args:
        numbers: ``(H, W)``.
        name: what the message calls them.

    Raises:
        BadFile: they have another range.
    """
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    white = next((peak for peak in (1, 255, 65535) if high <= peak * _ROUNDING), None)
    if not low >= 0 or white is None:  # NaN is neither
        raise BadFile(name, f"its values go from {low:g} to {high:g}: not from 0 to 1, 255 or 65535. Scale them.")
    pixels = np.empty((*numbers.shape, 1), np.uint16)
    for rows in bands(*numbers.shape):
        pixels[rows, :, 0] = np.rint(np.clip(numbers[rows] / white, 0, 1) * 65535)
    return Picture(pixels)


def read_image(
    path: str | os.PathLike[str], at_least: int | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Read a picture for training: ``(H, W, 3)`` uint8 RGB, upright. Errors: see :func:`read_picture`.

    Args:
        path: the file.
        at_least: the short side that is needed in pixels; a JPEG is then decoded at the smallest of 1/8, 1/4, 1/2 and
            full scale that gives it, which costs a fraction. None for full scale.
        max_pixels: as for :func:`read_picture`.
    """
    decoded = decode_image(path, at_least, max_pixels)
    if decoded.damage:
        tell_damage(os.fspath(path), decoded.damage)
    return decoded.pixels


class Decoded(NamedTuple):
    """A picture for training, and what was learnt on the way."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    """Height and width of the upright picture, which the pixels may show at a smaller scale."""
    turned: int
    """The EXIF orientation that was undone to have it upright; 1 for none."""
    damage: str
    """What the decoder said of coded pixels that are damaged; empty for sound ones."""


def decode_image(path: str | os.PathLike[str], at_least: int | None = None, max_pixels: int = MAX_PIXELS) -> Decoded:
    """:func:`read_image`, with what is not seen of the pixels alone; nothing is logged."""
    with opened(path, max_pixels) as file:
        check_scans(file)
        if file.format == "JPEG" and file.mode in ("L", "RGB"):
            scale = next((k for k in (8, 4, 2) if at_least and min(file.size) // k >= at_least), 1)
            pixels, damage = _decode_jpeg(file, _REDUCED[scale])
            if pixels is not None:
                turned, (width, height) = _orientation(file), file.size
                return Decoded(pixels, (width, height) if turned in SIDEWAYS else (height, width), turned, damage)
        picture = _decode(Path(path), file)
        return Decoded(picture.rgb8(), picture.size, picture.turned, picture.damage)


@lru_cache(maxsize=4096)  # training reads a file again and again
def tell_damage(path: str, damage: str) -> None:
    """Warn of a file whose coded pixels are damaged, once."""
    log.warning("%s: %s. Look at it.", path, damage)


def picture_size(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width of the upright picture, from the file's head alone. Errors: see :func:`read_picture`."""
    with opened(path, max_pixels) as file:
        width, height = file.size
        return (width, height) if _orientation(file) in SIDEWAYS else (height, width)


def count_pixels(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> int:
    """Height times width, of a TIFF times its pages, from the head of the file. Errors: see :func:`read_picture`."""
    with opened(path, max_pixels, frame=1) as file:
        return file.width * file.height * (len(places(file)) if file.format == "TIFF" else 1)


def from_pil(image: Image.Image) -> Picture:
    """A picture of Pillow's as one of ours: any mode of up to 16 bits, turned upright by EXIF, with its metadata.

    What Pillow opened from 16-bit colors has 8 bits; :func:`read_picture` keeps all 16.

    Raises:
        InlayError: a mode of 32 bits, a file of several frames, or one that turns out to be damaged as it is decoded.
    """
    name = getattr(image, "filename", "") or "the picture"
    try:
        check_single(image, name, "Turn to the one you mean with image.seek(), and give image.copy().")
        check_scans(image)
        turned = _stored_orientation(image)
        image.load()
        with _quiet():
            return _described(replace(_decode_by_pillow(image), turned=turned), image, name)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise InlayError(f"{name}: cannot be taken from Pillow ({error}). Convert it to RGB or RGBA.") from error


@contextmanager
def opened(path: str | os.PathLike[str], max_pixels: int, frame: int | None = None) -> Iterator[ImageFile.ImageFile]:
    """A picture file whose head was read; whatever goes wrong with it, also later, is a :class:`BadFile`."""
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a pipe would wait for ever
            raise BadFile(path, "neither a file nor a folder. Name a picture.")
        # A handle, not the path: what Pillow can map into memory by name it garbles where a TIFF is turned.
        with _quiet(), path.open("rb") as handle, Image.open(handle, formats=of_pillow(path, handle)) as file:
            assert isinstance(file, ImageFile.ImageFile)
            choose(path, file, frame)
            if file.width * file.height > max_pixels:
                size = f"{file.width}x{file.height}"
                raise BadFile(path, f"{size} is more than {max_pixels:,} pixels. Shrink the picture first.")
            yield file
    except FileNotFoundError:
        lost = " (a link that leads nowhere)" if path.is_symlink() else ""
        raise BadFile(path, f"no such file{lost}. Check the path.") from None
    except Image.DecompressionBombError:
        raise BadFile(path, f"more than {max_pixels:,} pixels. Shrink the picture first.") from None
    except UnidentifiedImageError:
        empty = " (the file is empty)" if not path.stat().st_size else ""
        other = "" if empty else why_unread(path.name) or _odd_tiff(path)
        raise BadFile(path, other or f"not a picture{empty}. Inlay reads {READ_HERE}.") from None
    except PermissionError:
        raise BadFile(path, "reading it is not allowed. Change its permissions.") from None
    except IsADirectoryError:
        raise BadFile(path, "a folder, not a picture. Name one file.") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:  # what Pillow raises on damaged files
        if "MAX_TEXT" in str(error):
            raise BadFile(path, "a text in it unpacks to more than a megabyte. Save it without its texts.") from None
        raise BadFile(path, f"cannot be read ({error}). The file is damaged; replace or remove it.") from error


def _pixels_of(file: Image.Image, page: int) -> int:
    file.seek(page)
    return file.width * file.height


def _odd_tiff(path: Path) -> str:
    """Why a TIFF is not read that Pillow does not know; empty for what is none."""
    with path.open("rb") as file:
        if file.read(4) not in (b"II*\0", b"MM\0*"):
            return ""
    return "a TIFF of a kind that is not read (floats or 32 bits a color), or damaged. Save it with 8 or 16 bits."


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings: our own limit decides on sizes, and what is lost of the metadata is logged by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        yield


def _described(picture: Picture, image: Image.Image, name: str) -> Picture:
    sideways = image.format != "TIFF" and _orientation(image) in SIDEWAYS
    path = Path(name) if Path(name).is_file() else None
    return replace(picture, metadata=collect(image, picture.pixels.shape[2], sideways, name, path))


def _stored_orientation(image: Image.Image) -> int:
    """The EXIF orientation that a file has, of a picture that is not decoded yet."""
    if image.format == "TIFF":
        value = getattr(image, "tag_v2", {}).get(_ORIENTATION_TAG)
        return value if isinstance(value, int) else 1
    return _orientation(image)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation that is still to be undone (TIFF 6.0, tag 274; 1 = upright, and where EXIF is damaged)."""
    if image.format == "TIFF":  # Pillow and OpenCV turn it upright as they decode it, and no other format
        return 1
    if image.format == "PNG" and "exif" not in image.info:
        image.load()  # it may follow the pixels
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error):
        return 1


def _decode(path: Path, file: ImageFile.ImageFile) -> Picture:
    if file.mode in _WIDE:
        raise BadFile(path, f"32 bits a pixel ({file.mode}): Inlay takes 8 or 16. Save it with one of them.")
    check_scans(file)
    deep_colors = _deep_colors(file)  # asked first: reading the EXIF of a PNG decodes it and forgets this
    turned = _stored_orientation(file)
    if deep_colors:
        pixels = np.require(upright(_decode_16_bit_colors(path, file.tell()), _orientation(file)), requirements="C")
        return Picture(pixels, "LA16" if deep_colors.startswith("LA") else "", turned=turned)
    if file.format == "JPEG" and file.mode in ("L", "RGB"):
        decoded, damage = _decode_jpeg(file, cv2.IMREAD_GRAYSCALE if file.mode == "L" else cv2.IMREAD_COLOR)
        if decoded is not None:
            return Picture(np.atleast_3d(decoded), turned=turned, damage=damage)
    jpeg = file.format in ("JPEG", "MPO")
    picture = _decode_by_pillow(file)
    return replace(picture, turned=turned, damage=_jpeg_damage(path) if jpeg else "")


def _jpeg_damage(path: Path) -> str:
    """What OpenCV's libjpeg says of a file that Pillow decoded, whose own is silent; an eighth is enough for that."""
    data = np.fromfile(path, np.uint8)
    return overheard(lambda: cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8))[1]


def _decode_jpeg(file: ImageFile.ImageFile, how: int) -> tuple[NDArray[np.uint8] | None, str]:
    """Decode with OpenCV, which is twice as fast as Pillow and gives the same pixels; None where Pillow shall look.

    OpenCV fills what is missing of a truncated file with gray and says nothing, so only whole ones come this far. Of
    those that are damaged all the same, the second value tells.
    """
    handle = file.fp
    assert handle is not None
    handle.seek(0)
    data = handle.read()
    if not data.endswith(_END_OF_JPEG):
        return None, ""
    pixels, damage = overheard(lambda: cv2.imdecode(np.frombuffer(data, np.uint8), how | cv2.IMREAD_IGNORE_ORIENTATION))
    if pixels is None:
        return None, ""
    return np.ascontiguousarray(upright(_red_first(pixels), _orientation(file))), damage


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


def _decode_by_pillow(image: Image.Image) -> Picture:
    if image.mode in _WIDE:
        raise ValueError(f"{image.mode} mode: 32 bits a pixel; Inlay takes 8 or 16")
    orientation, bits = _orientation(image), bits_of(image)
    deep = image.mode.startswith("I;16")
    simple = image if deep else _in_simple_mode(image)
    pixels = upright(_pixels(simple, np.uint16 if deep else np.uint8), orientation)
    stored_as = "" if simple.mode == image.mode else image.mode
    if bits > 8 and not deep:
        stored_as = f"{image.mode} of {bits} bits"
    return Picture(np.require(pixels, requirements="C"), stored_as)


def _in_simple_mode(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode == "CMYK" and image.info.get("icc_profile"):
        from inlay.images import profiles  # littleCMS, for those alone

        if colors := profiles.in_srgb(image):
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
