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


def by_pillow(mode, **options):
    """Writes ``SMOOTH`` in a mode of Pillow's."""

    def write(path, orientation):
        image = Image.fromarray(SMOOTH)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.fromarray(SMOOTH[::-1, :, 1].copy()))
        image.convert(mode).save(path, exif=exif(orientation), **options)

    return write


def by_png(mode):
    return lambda path, orientation: path.write_bytes(png(picture(mode).pixels, orientation=orientation))


def by_tifffile(mode, **options):
    def write(path, orientation):
        tags = [(0x0112, 3, 1, orientation, True)]
        tifffile.imwrite(path, picture(mode).pixels.squeeze(), extratags=tags, **options)

    return write


PLAIN = {
    "RGB": ["color.jpg", "color.png", "color.webp", "color.tif", "color.bmp"],
    "L": ["gray.jpeg", "gray.png", "gray.tiff", "gray.bmp"],
    "LA": ["gray_alpha.png"],
    "RGBA": ["alpha.png", "alpha.webp", "alpha.tiff"],
}
KINDS = {  # name of the file: what writes it, the mode it is read as, what it is stored as
    **{name: (by_pillow(mode), mode, "") for mode, names in PLAIN.items() for name in names},
    "cmyk.jpg": (by_pillow("CMYK"), "RGB", "CMYK"),
    "palette.png": (by_pillow("P"), "RGB", "P"),
    "palette_alpha.png": (by_pillow("P", transparency=0), "RGBA", "P"),
    "palette_alphas.png": (by_pillow("P", transparency=bytes(range(200))), "RGBA", "P"),
    "one_clear_color.png": (by_pillow("RGB", transparency=(20, 200, 20)), "RGBA", "RGB"),
    "one_clear_gray.png": (by_pillow("L", transparency=90), "LA", "L"),
    "bits.png": (by_pillow("1"), "L", "1"),
    "palette.tif": (by_pillow("P"), "RGB", "P"),
    "cmyk.tif": (by_pillow("CMYK"), "RGB", "CMYK"),
    "bits.tif": (by_pillow("1"), "L", "1"),
    "palette.bmp": (by_pillow("P"), "RGB", "P"),
    "gray16.png": (by_png("L16"), "L16", ""),
    "gray_alpha16.png": (by_png("LA16"), "RGBA16", "LA16"),
    "color16.png": (by_png("RGB16"), "RGB16", ""),
    "alpha16.png": (by_png("RGBA16"), "RGBA16", ""),
    "gray16.tif": (by_tifffile("L16", photometric="minisblack"), "L16", ""),
    "gray16_packed.tif": (by_tifffile("L16", photometric="minisblack", compression="deflate"), "L16", ""),
    "color16.tif": (by_tifffile("RGB16", photometric="rgb"), "RGB16", ""),
    "color16_packed.tif": (by_tifffile("RGB16", photometric="rgb", compression="deflate"), "RGB16", ""),
    "alpha16.tiff": (by_tifffile("RGBA16", photometric="rgb"), "RGBA16", ""),
}
SIXTEEN = [name for name in KINDS if "16" in name]
EIGHT = [name for name in KINDS if "16" not in name]


def written(name, folder, orientation=1):
    KINDS[name][0](folder / name, orientation)
    return folder / name


def photo(height, width, seed=0):
    """Something like a photograph: slopes, an edge and some noise."""
    y, x = np.mgrid[0:height, 0:width]
    slopes = np.stack([x * 200 / width, y * 200 / height, (x + y) * 99 / (height + width)], axis=2)
    slopes[height // 3 :, width // 2 :] += 50
    noise = np.random.default_rng(seed).normal(0, 8, (height, width, 3))
    return np.clip(slopes + noise, 0, 255).astype(np.uint8)


def peak_memory(work, *given):
    """Bytes that are held at once, at most."""
    tracemalloc.start()
    try:
        work(*given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def by_the_book(path):
    """What Pillow sees, upright."""
    with Image.open(path) as file:
        return np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
