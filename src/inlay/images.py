"""The border of the program: pictures and masks come in from files here and leave here.

Inside, a picture is RGB and a mask is binary with 1 = hole. Outside there are palettes, CMYK, 16 bits, alpha, EXIF
rotation and two opinions on which color is the hole; all of that ends in this file.
"""

import math
import os
import stat
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

try:
    import cv2
except ImportError as error:  # opencv-python without the libraries of a desktop
    raise ImportError(
        f"OpenCV could not be loaded ({error}). On Debian: apt install libgl1 libglib2.0-0; "
        "or replace opencv-python by opencv-python-headless."
    ) from error
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFile, ImageFont, UnidentifiedImageError

from inlay.errors import BadFile, InlayError

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # what matters is raised as an error, with the path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
MAX_PIXELS = 150_000_000
HoleIs = Literal["white", "black"]
USUAL_HOLE = (0.05, 0.80)

_LABEL, _TEXT = 20, 14  # pixels: a line, and its letters

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")  # of all that Pillow knows; EPS would run a program
_END_OF_JPEG = b"\xff\xd9"
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's convert("L")
_BLUE_FIRST = [2, 1, 0, 3]  # OpenCV's order of channels, either way
_WRITABLE_MODES = {
    ".jpg": "L RGB",
    ".jpeg": "L RGB",
    ".bmp": "L RGB",
    ".webp": "L LA RGB RGBA",
    ".png": "L LA RGB RGBA L16 RGB16 RGBA16",
    ".tif": "L LA RGB RGBA L16 RGB16 RGBA16",
    ".tiff": "L LA RGB RGBA L16 RGB16 RGBA16",
}


@dataclass(frozen=True)
class Picture:
    """A picture as its file holds it, upright, without loss.

    Attributes:
        pixels: ``(H, W, C)`` uint8 or uint16; C is 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA).
        stored_as: the file's own mode where ``pixels`` had to differ from it (``"P"``, ``"CMYK"``, ...), else ``""``.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    stored_as: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def mode(self) -> str:
        """``L``, ``LA``, ``RGB`` or ``RGBA``, with ``16`` behind it for 16 bits a channel."""
        return ("L", "LA", "RGB", "RGBA")[self.pixels.shape[2] - 1] + ("16" if self.pixels.dtype == np.uint16 else "")

    @property
    def peak(self) -> int:
        """The brightest value a pixel can have: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    def rgb(self) -> NDArray[np.float32]:
        """The colors as ``(H, W, 3)`` float32 in ``[0, 1]``; gray is repeated, alpha is left out."""
        return self._colors().astype(np.float32) / np.float32(self.peak)

    def rgb8(self) -> NDArray[np.uint8]:
        """The colors as ``(H, W, 3)`` uint8; 16 bits are rounded to 8."""
        colors = self._colors()
        if colors.dtype == np.uint8:
            return colors.astype(np.uint8, copy=False)
        return ((colors.astype(np.uint32) + 128) // 257).astype(np.uint8)

    def filled(self, rgb: NDArray[np.floating[Any]], hole: NDArray[np.bool_]) -> "Picture":
        """This picture with ``rgb`` in the hole; every pixel outside it keeps its value bit for bit.

        Filled pixels are opaque where there is alpha: what was painted over is meant to be seen.

        Args:
            rgb: ``(H, W, 3)`` in ``[0, 1]`` (clipped).
            hole: ``(H, W)``, True = replace.
        """
        colors = np.clip(rgb, 0.0, 1.0)
        if self.pixels.shape[2] < 3:
            colors = (colors @ _LUMA)[..., None]
        new = np.rint(colors * self.peak).astype(self.pixels.dtype)
        if self.pixels.shape[2] in (2, 4):
            new = np.concatenate([new, np.full_like(new[..., :1], self.peak)], axis=2)
        return replace(self, pixels=np.where(hole[..., None], new, self.pixels))

    def _colors(self) -> NDArray[Any]:
        channels = self.pixels.shape[2]
        return self.pixels[..., :3] if channels >= 3 else np.repeat(self.pixels[..., :1], 3, axis=2)


def read_picture(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture: JPEG, PNG, WebP, TIFF or BMP; gray, palette, CMYK, 16 bits or alpha; turned upright by EXIF.

    Args:
        path: the file.
        max_pixels: refuse larger pictures before decoding them.

    Raises:
        BadFile: the file is missing, is no picture, is damaged or is too large.
    """
    with _opened(path, max_pixels) as file:
        return _decode(Path(path), file)


def find_images(root: str | os.PathLike[str]) -> list[Path]:
    """Every picture file below a folder, recursively, in sorted order; what is hidden (``.name``) stays hidden."""
    root = Path(root)
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(p.startswith(".") for p in path.relative_to(root).parts))


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
    with _opened(path, max_pixels) as file:
        pixels = _decode_jpeg(file, at_least) if file.format == "JPEG" and file.mode in ("L", "RGB") else None
        return _decode(Path(path), file).rgb8() if pixels is None else pixels


def picture_size(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width of the upright picture, from the file's head alone. Errors: see :func:`read_picture`."""
    with _opened(path, max_pixels) as file:
        width, height = file.size
        return (width, height) if _orientation(file) in _SIDEWAYS else (height, width)


def read_mask(path: str | os.PathLike[str], hole_is: HoleIs = "white", binarize: float = 0.5) -> NDArray[np.bool_]:
    """Read a mask: ``(H, W)`` bool, True = hole.

    Args:
        path: any picture; color is reduced to luminance and alpha is ignored.
        hole_is: the color of the hole in this file. Inlay, LaMa and diffusers write white; some sets write black.
        binarize: from which share of full white a pixel is white; one half means 128 of 255.

    Raises:
        BadFile: the file cannot be read.
        InlayError: ``hole_is`` is neither ``white`` nor ``black``.
    """
    if hole_is not in ("white", "black"):
        raise InlayError(f"hole_is must be 'white' or 'black', got {hole_is!r}.")
    colors = read_picture(path).rgb8()
    least = math.ceil(binarize * 255) - 0.5  # half a step of slack for the rounding of the three weights
    white: NDArray[np.bool_] = colors @ _LUMA >= least
    return ~white if hole_is == "black" else white


def resize_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Resize a ``(H, W)`` bool mask with nearest neighbor, so that it stays binary."""
    if mask.shape == (height, width):
        return mask
    return cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.bool_)


def polarity_doubt(ratio: float, hole_is: HoleIs = "white") -> str | None:
    """What to tell a user whose masks leave an unusual hole; None for a usual one.

    Args:
        ratio: share of the picture that is hole.
        hole_is: how the mask was read.
    """
    low, high = USUAL_HOLE
    if low <= ratio <= high:
        return None
    other = "black" if hole_is == "white" else "white"
    return (
        f"the hole covers {ratio:.1%} of the picture, which is unusual (read with {hole_is} = hole). "
        f"If the colors are the other way round, use hole_is={other} (predict.py: --hole-is {other})."
    )


def check_writable(path: str | os.PathLike[str], picture: Picture) -> None:
    """Make sure that the format of a path's suffix can hold a picture, before the work of making one.

    Raises:
        InlayError: the suffix is unknown, or the format cannot hold the picture's mode.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITABLE_MODES:
        raise InlayError(f"{path}: unknown suffix {suffix!r}. Use one of {', '.join(_WRITABLE_MODES)}.")
    if picture.mode not in _WRITABLE_MODES[suffix].split():
        raise InlayError(f"{path}: {suffix} cannot hold {picture.mode} pixels without loss. Use .png or .tiff.")


def write_picture(path: str | os.PathLike[str], picture: Picture) -> None:
    """Write a picture in the format of the suffix, whole or not at all.

    PNG, TIFF, BMP and WebP (lossless) keep every pixel; JPEG is written at quality 95 without chroma subsampling.

    Raises:
        InlayError: see :func:`check_writable`; or the disk refuses.
    """
    path = Path(path)
    check_writable(path, picture)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _encode(temporary, picture)
        temporary.replace(path)
    except OSError as error:
        raise InlayError(f"{path}: cannot be written ({error.strerror or error}). Choose another place.") from error
    finally:
        with suppress(OSError):  # the disk that refused the picture may refuse this too
            temporary.unlink()


def contact_sheet(rows: Iterable[Iterable[NDArray[np.floating[Any]]]], gap: int = 4) -> Picture:
    """Lay pictures out in rows on white.

    Args:
        rows: each an iterable of ``(H, W, 3)`` in ``[0, 1]``.
        gap: white pixels between neighbors.
    """
    strips = [_side_by_side(list(row), gap) for row in rows]
    turned = _side_by_side([strip.swapaxes(0, 1) for strip in strips], gap)  # rows below each other, likewise
    return Picture(np.rint(np.clip(turned.swapaxes(0, 1), 0.0, 1.0) * 255).astype(np.uint8))


def labeled(picture: NDArray[np.floating[Any]], text: str) -> NDArray[np.float32]:
    """An ``(H, W, 3)`` picture in ``[0, 1]`` with text below it, for a contact sheet."""
    return np.concatenate([picture.astype(np.float32), written(text, picture.shape[1])])


def written(text: str, width: int) -> NDArray[np.float32]:
    """Text in black on white, ``(H, width, 3)`` in ``[0, 1]``: as many lines as it takes."""
    font = ImageFont.load_default(_TEXT)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if font.getlength(longer) <= width - 4 or not lines[-1] else [*lines, word]
    page = Image.new("L", (width, _LABEL * len(lines)), 255)
    ImageDraw.Draw(page).multiline_text((2, 1), "\n".join(lines), 0, font, spacing=_LABEL - _TEXT)
    return np.repeat(np.asarray(page, np.float32)[..., None] / 255, 3, axis=2)


def _side_by_side(parts: list[NDArray[Any]], gap: int) -> NDArray[Any]:
    sheet = np.ones((max(p.shape[0] for p in parts), sum(p.shape[1] + gap for p in parts) - gap, 3), np.float32)
    left = 0
    for part in parts:
        sheet[: part.shape[0], left : left + part.shape[1]] = part
        left += part.shape[1] + gap
    return sheet


@contextmanager
def _opened(path: str | os.PathLike[str], max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """A picture file whose head was read; whatever goes wrong with it, also later, is a :class:`BadFile`."""
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a pipe would wait for ever
            raise BadFile(path, "neither a file nor a folder. Name a picture.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below decides
            # A handle, not the path: what Pillow can map into memory by name it garbles where a TIFF is turned.
            with path.open("rb") as handle, Image.open(handle, formats=_FORMATS) as file:
                assert isinstance(file, ImageFile.ImageFile)
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
        raise BadFile(path, f"not a picture{empty}. Inlay reads {', '.join(SUFFIXES)}.") from None
    except PermissionError:
        raise BadFile(path, "reading it is not allowed. Change its permissions.") from None
    except IsADirectoryError:
        raise BadFile(path, "a folder, not a picture. Name one file.") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:  # what Pillow raises on damaged files
        raise BadFile(path, f"cannot be read ({error}). The file is damaged; replace or remove it.") from error


def _decode_jpeg(file: ImageFile.ImageFile, at_least: int | None) -> NDArray[np.uint8] | None:
    """Decode with OpenCV, which is twice as fast as Pillow and gives the same pixels; None where Pillow shall look.

    OpenCV fills what is missing of a truncated file with gray and says nothing, so only whole ones come this far.
    """
    handle = file.fp
    assert handle is not None
    handle.seek(0)
    data = handle.read()
    if not data.endswith(_END_OF_JPEG):
        return None
    scale = next((k for k in (8, 4, 2) if at_least and min(file.size) // k >= at_least), 1)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[scale] | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        return None
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
    return np.ascontiguousarray(_upright(pixels, _orientation(file)))


def _orientation(file: Image.Image) -> int:
    """The EXIF orientation that is still to be undone (TIFF 6.0, tag 274; 1 = upright)."""
    # Pillow and OpenCV turn a TIFF upright as they decode it, and no other format.
    return 1 if file.format == "TIFF" else int(file.getexif().get(_ORIENTATION_TAG, 1))


def _decode(path: Path, file: Image.Image) -> Picture:
    deep_colors = _deep_colors(file)  # asked first: reading the EXIF of a PNG decodes it and forgets this
    orientation = _orientation(file)
    pixels: NDArray[Any]
    if file.mode in ("I;16", "I;16B", "I;16L", "I;16N"):
        pixels, stored_as = np.asarray(file).astype(np.uint16)[..., None], ""
    elif deep_colors:
        pixels, stored_as = _decode_16_bit_colors(path), "LA16" if deep_colors.startswith("LA") else ""
    elif file.mode in ("F", "I"):
        raise ValueError(f"{file.mode} mode: 32 bits a pixel; Inlay takes 8 or 16")
    else:
        pixels, stored_as = _decode_8_bit(file)
    return Picture(np.require(_upright(pixels, orientation), requirements=["C", "W"]), stored_as)


def _decode_8_bit(file: Image.Image) -> tuple[NDArray[np.uint8], str]:
    mode = file.mode
    if mode not in ("L", "LA", "RGB", "RGBA"):
        target = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB")
        file = file.convert("RGBA" if mode == "P" and "transparency" in file.info else target)
    elif mode in ("L", "RGB") and "transparency" in file.info:  # PNG's one transparent color
        file = file.convert(mode + "A")
    pixels = np.asarray(file)
    return pixels[..., None] if pixels.ndim == 2 else pixels, "" if file.mode == mode else mode


def _deep_colors(file: Image.Image) -> str:
    """The raw mode of 16-bit colors (``"RGB;16B"``), else ``""``: Pillow has no mode for them and keeps 8 bits."""
    raw = (str(tile[3][0] if isinstance(tile[3], tuple) else tile[3]) for tile in getattr(file, "tile", ()))
    return next((mode for mode in raw if ";16" in mode and file.mode in ("RGB", "RGBA", "LA")), "")


def _decode_16_bit_colors(path: Path) -> NDArray[np.uint16]:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("16-bit colors could not be decoded")
    return np.asarray(pixels[..., _BLUE_FIRST[: pixels.shape[2]]], np.uint16)


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    if orientation in _SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _encode(path: Path, picture: Picture) -> None:
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and pixels.shape[2] > 2:
        ok, data = cv2.imencode(path.suffix.lower(), pixels[..., _BLUE_FIRST[: pixels.shape[2]]])
        if not ok:
            raise OSError(f"OpenCV could not encode {picture.mode}")
        path.write_bytes(data.tobytes())
        return
    options: dict[str, Any] = {}
    if path.suffix.lower() in (".jpg", ".jpeg"):
        options = {"quality": 95, "subsampling": 0}
    elif path.suffix.lower() == ".webp":  # has no gray: Pillow repeats it in color
        options = {"lossless": True, "exact": True}
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path, **options)
