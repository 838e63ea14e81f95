"""Picture formats, tried by writing and reading a small picture."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.doctor.finding import Finding
from inlay.errors import one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REPAIR = "pip install --force-reinstall pillow opencv-python-headless tifffile"
_LOSS = 12  # of 255: what JPEG may change where a picture is smooth


class Format(NamedTuple):
    """A picture format and what Inlay keeps in it: each ``(channels, bits)``."""

    name: str
    suffix: str
    kinds: list[tuple[int, int]]
    note: str
    lossless: bool = True


FORMATS = [
    Format("PNG", ".png", [(1, 8), (3, 8), (4, 8)], "gray, color, alpha"),
    Format("PNG, 16 bits", ".png", [(1, 16), (3, 16), (4, 16)], "gray, color, alpha"),
    Format("JPEG", ".jpg", [(1, 8), (3, 8)], "gray, color", lossless=False),
    Format("WebP", ".webp", [(3, 8), (4, 8)], "color, alpha"),
    Format("TIFF", ".tiff", [(1, 8), (3, 8), (4, 8)], "gray, color, alpha"),
    Format("TIFF, 16 bits", ".tiff", [(1, 16), (3, 16), (4, 16)], "gray, color, alpha"),
    Format("BMP", ".bmp", [(1, 8), (3, 8)], "gray, color"),
    Format("JPEG 2000", ".jp2", [(1, 8), (3, 8), (4, 8), (1, 16)], "gray, color, alpha"),
    Format("AVIF", ".avif", [(3, 8), (4, 8)], "color, alpha", lossless=False),
]


def codecs() -> Iterator[Finding]:
    """A finding for each format that Pillow knows here."""
    from inlay.images import SUFFIXES

    with TemporaryDirectory() as folder:
        for each in (each for each in FORMATS if each.suffix in SUFFIXES):
            yield _tried(each, Path(folder))


def _tried(tried: Format, folder: Path) -> Finding:
    try:
        for channels, bits in tried.kinds:
            _round_trip(folder / f"{channels}_{bits}{tried.suffix}", smooth(channels, bits), tried.lossless)
    except Exception as error:  # whatever it was, this format does not work here
        return Finding(tried.name, f"does not work: {one_line(error)}", "problem", _REPAIR)
    return Finding(tried.name, tried.note if tried.lossless else f"{tried.note}; changes every pixel a little")


def _round_trip(path: Path, pixels: "NDArray[Any]", lossless: bool) -> None:
    import numpy as np

    from inlay.images import Picture, read_picture, write_picture

    write_picture(path, Picture(pixels))
    back = read_picture(path).pixels
    if back.shape != pixels.shape or back.dtype != pixels.dtype:
        raise ValueError(f"{pixels.shape} {pixels.dtype} came back as {back.shape} {back.dtype}")
    apart = np.abs(back.astype(np.int64) - pixels.astype(np.int64)).max()
    if apart > (0 if lossless else _LOSS):
        raise ValueError(f"a pixel came back {apart} steps from what it was")


def smooth(channels: int, bits: int) -> "NDArray[Any]":
    """A picture of 24 x 32 pixels that gets brighter along its rows and columns, each channel at its own pace."""
    import numpy as np

    rows, columns = np.mgrid[0:1:24j, 0:1:32j]
    share = np.stack([(rows * (channel + 1) + columns) / (channel + 2) for channel in range(channels)], axis=2)
    pixels: NDArray[Any] = np.rint(share * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    return pixels
