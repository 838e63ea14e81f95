"""Picture formats, tried by writing and reading a small picture."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from inlay import images
from inlay.doctor import Finding
from inlay.errors import one_line

_REPAIR = "pip install --force-reinstall pillow opencv-python-headless tifffile"
_LOSS = 12  # of 255: what JPEG may change where a picture is smooth
_NAMES = {1: "gray", 3: "color", 4: "alpha"}  # by channels


class Format(NamedTuple):
    """A picture format and what Inlay keeps in it: each ``(channels, bits)``."""

    name: str
    suffix: str
    kinds: list[tuple[int, int]]
    lossless: bool = True


FORMATS = [
    Format("PNG", ".png", [(1, 8), (3, 8), (4, 8)]),
    Format("PNG, 16 bits", ".png", [(1, 16), (3, 16), (4, 16)]),
    Format("JPEG", ".jpg", [(1, 8), (3, 8)], lossless=False),
    Format("WebP", ".webp", [(3, 8), (4, 8)]),
    Format("TIFF", ".tiff", [(1, 8), (3, 8), (4, 8)]),
    Format("TIFF, 16 bits", ".tiff", [(1, 16), (3, 16), (4, 16)]),
    Format("BMP", ".bmp", [(1, 8), (3, 8)]),
    Format("JPEG 2000", ".jp2", [(1, 8), (3, 8), (4, 8), (1, 16)]),
    Format("AVIF", ".avif", [(3, 8), (4, 8)], lossless=False),
]


def codecs() -> Iterator[Finding]:
    """A finding for each format that Pillow knows here."""
    with TemporaryDirectory() as folder:
        for each in FORMATS:
            if each.suffix in images.SUFFIXES:
                yield _tried(each, Path(folder))


def _tried(tried: Format, folder: Path) -> Finding:
    try:
        for channels, bits in tried.kinds:
            _round_trip(folder / f"{channels}_{bits}{tried.suffix}", channels, bits, tried.lossless)
    except Exception as error:  # whatever it was, this format does not work here
        return Finding(tried.name, f"does not work: {one_line(error)}", "problem", _REPAIR)
    kept = ", ".join(dict.fromkeys(_NAMES[channels] for channels, _ in tried.kinds))
    return Finding(tried.name, kept if tried.lossless else f"{kept}; changes every pixel a little")


def _round_trip(path: Path, channels: int, bits: int, lossless: bool) -> None:
    """Write and read a picture that gets brighter along its rows and columns, each channel at its own pace."""
    rows, columns = np.mgrid[0:1:24j, 0:1:32j]
    share = np.stack([(rows * (channel + 1) + columns) / (channel + 2) for channel in range(channels)], axis=2)
    pixels = np.rint(share * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    images.write_picture(path, images.Picture(pixels))
    back = images.read_picture(path).pixels
    if back.shape != pixels.shape or back.dtype != pixels.dtype:
        raise ValueError(f"{pixels.shape} {pixels.dtype} came back as {back.shape} {back.dtype}")
    apart = np.abs(back.astype(np.int64) - pixels.astype(np.int64)).max()
    if apart > (0 if lossless else _LOSS):
        raise ValueError(f"a pixel came back {apart} steps from what it was")
