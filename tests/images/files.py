"""Every kind of file that there is, written without Inlay."""

import struct
import tracemalloc
import zlib

import numpy as np
import tifffile
from PIL import Image, ImageOps

from tests import pictures

SIZE = (10, 13)
SMOOTH = np.stack(np.meshgrid(np.linspace(20, 230, 13), np.linspace(200, 40, 10)), 2).astype(np.uint8)[..., [0, 1, 0]]
MODES = ["L", "LA", "RGB", "RGBA", "L16", "LA16", "RGB16", "RGBA16"]


def picture(mode, size=SIZE):
    return pictures.picture(mode, size)


def png(pixels, claimed_size=None, orientation=1):
    """A PNG file by the book: Pillow writes no 16-bit colors and nobody writes a false header."""
    height, width = claimed_size or pixels.shape[:2]
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    rows = b"".join(b"\0" + row.astype(pixels.dtype.newbyteorder(">")).tobytes() for row in pixels)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, color_type, 0, 0, 0),
        b"eXIf": exif(orientation).tobytes().removeprefix(b"Exif\0\0"),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    parts = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


STORED = {  # the mode of the file and the mode it is read as: names of files
    ("RGB", "RGB"): ["color.jpg", "color.png", "color.webp", "color.tif", "color.bmp"],
    ("L", "L"): ["gray.jpeg", "gray.png", "gray.tiff", "gray.bmp"],
    ("LA", "LA"): ["gray_alpha.png"],
    ("RGBA", "RGBA"): ["alpha.png", "alpha.webp", "alpha.tiff"],
    ("CMYK", "RGB"): ["cmyk.jpg", "cmyk.tif"],
    ("P", "RGB"): ["palette.png", "palette.tif", "palette.bmp"],
    ("1", "L"): ["bits.png", "bits.tif"],
    ("P", "RGBA"): ["palette_alpha.png", "palette_alphas.png"],
    ("RGB", "RGBA"): ["one_clear_color.png"],
    ("L", "LA"): ["one_clear_gray.png"],
    ("L16", "L16"): ["gray16.png", "gray16.tif", "gray16_packed.tif"],
    ("LA16", "RGBA16"): ["gray_alpha16.png"],
    ("RGB16", "RGB16"): ["color16.png", "color16.tif", "color16_packed.tif"],
    ("RGBA16", "RGBA16"): ["alpha16.png", "alpha16.tiff"],
}
CLEAR = {
    "palette_alpha.png": 0,
    "palette_alphas.png": bytes(range(200)),
    "one_clear_color.png": (20, 200, 20),
    "one_clear_gray.png": 90,
}
KINDS = {name: modes for modes, names in STORED.items() for name in names}
SIXTEEN = [name for name in KINDS if "16" in name]
EIGHT = [name for name in KINDS if "16" not in name]


def written(name, folder, orientation=1):
    """A file of 8 bits, which Pillow writes, shows ``SMOOTH``; one of 16 bits ``picture``."""
    path, mode = folder / name, KINDS[name][0]
    if name in EIGHT:
        image = Image.fromarray(SMOOTH)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.fromarray(SMOOTH[::-1, :, 1].copy()))
        options = {"transparency": CLEAR[name]} if name in CLEAR else {}
        image.convert(mode).save(path, exif=exif(orientation), **options)
    elif path.suffix == ".png":
        path.write_bytes(png(picture(mode).pixels, orientation=orientation))
    else:
        how, packed = "minisblack" if mode == "L16" else "rgb", "deflate" if "packed" in name else None
        tags = [(0x0112, 3, 1, orientation, True)]
        tifffile.imwrite(path, picture(mode).pixels.squeeze(), photometric=how, compression=packed, extratags=tags)
    return path


def photo(height, width, seed=0):
    y, x = np.mgrid[0:height, 0:width]
    slopes = np.stack([x * 200 / width, y * 200 / height, (x + y) * 99 / (height + width)], axis=2)
    slopes[height // 3 :, width // 2 :] += 50
    noise = np.random.default_rng(seed).normal(0, 8, (height, width, 3))
    return np.clip(slopes + noise, 0, 255).astype(np.uint8)


def peak_memory(work, *given):
    tracemalloc.start()
    try:
        work(*given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def by_the_book(path):
    with Image.open(path) as file:
        return np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
