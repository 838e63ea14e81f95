"""The border of the program: whatever lies on a disk comes in right or is refused by name, and leaves whole."""

import errno
import io
import os
import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile, ImageOps

from inlay.errors import BadFile, InlayError
from inlay.images import (
    Picture,
    check_writable,
    contact_sheet,
    find_images,
    labeled,
    picture_size,
    polarity_doubt,
    read_image,
    read_mask,
    read_picture,
    resize_mask,
    write_picture,
)

SIZE = (10, 13)
SMOOTH = np.stack(np.meshgrid(np.linspace(20, 230, 13), np.linspace(200, 40, 10)), 2).astype(np.uint8)[..., [0, 1, 0]]
MODES = ["L", "LA", "RGB", "RGBA", "L16", "LA16", "RGB16", "RGBA16"]


def picture(mode, size=SIZE):
    channels, dtype = len(mode.removesuffix("16")), np.uint16 if "16" in mode else np.uint8
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (*size, channels))
    return Picture(pixels.astype(dtype))


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


KINDS = {  # name of the file: what writes it, the mode it is read as, what it is stored as
    "color.jpg": (by_pillow("RGB"), "RGB", ""),
    "gray.jpeg": (by_pillow("L"), "L", ""),
    "cmyk.jpg": (by_pillow("CMYK"), "RGB", "CMYK"),
    "color.png": (by_pillow("RGB"), "RGB", ""),
    "gray.png": (by_pillow("L"), "L", ""),
    "gray_alpha.png": (by_pillow("LA"), "LA", ""),
    "alpha.png": (by_pillow("RGBA"), "RGBA", ""),
    "palette.png": (by_pillow("P"), "RGB", "P"),
    "palette_alpha.png": (by_pillow("P", transparency=0), "RGBA", "P"),
    "palette_alphas.png": (by_pillow("P", transparency=bytes(range(200))), "RGBA", "P"),
    "one_clear_color.png": (by_pillow("RGB", transparency=(20, 200, 20)), "RGBA", "RGB"),
    "one_clear_gray.png": (by_pillow("L", transparency=90), "LA", "L"),
    "bits.png": (by_pillow("1"), "L", "1"),
    "color.webp": (by_pillow("RGB"), "RGB", ""),
    "alpha.webp": (by_pillow("RGBA"), "RGBA", ""),
    "color.tif": (by_pillow("RGB"), "RGB", ""),
    "gray.tiff": (by_pillow("L"), "L", ""),
    "alpha.tiff": (by_pillow("RGBA"), "RGBA", ""),
    "palette.tif": (by_pillow("P"), "RGB", "P"),
    "cmyk.tif": (by_pillow("CMYK"), "RGB", "CMYK"),
    "bits.tif": (by_pillow("1"), "L", "1"),
    "color.bmp": (by_pillow("RGB"), "RGB", ""),
    "gray.bmp": (by_pillow("L"), "L", ""),
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


class TestEveryKindOfFile:
    @pytest.mark.parametrize("name", KINDS)
    def test_ends_as_rgb_from_0_to_1(self, name, tmp_path):
        rgb = read_picture(written(name, tmp_path)).rgb()
        assert (rgb.shape, rgb.dtype) == ((*SIZE, 3), np.float32)
        assert 0 <= rgb.min() < rgb.max() <= 1

    @pytest.mark.parametrize("name", KINDS)
    def test_says_what_it_is_and_what_it_was(self, name, tmp_path):
        read = read_picture(written(name, tmp_path))
        assert (read.mode, read.stored_as) == KINDS[name][1:]

    @pytest.mark.parametrize("name", sorted(set(EIGHT) - {"palette_alphas.png"}))
    def test_has_the_colors_that_pillow_sees(self, name, tmp_path):
        path = written(name, tmp_path)
        with Image.open(path) as file:
            assert np.array_equal(read_image(path), np.asarray(file.convert("RGB")))

    @pytest.mark.parametrize("name", sorted(set(SIXTEEN) - {"gray_alpha16.png"}))
    def test_keeps_all_16_bits(self, name, tmp_path):
        assert np.array_equal(read_picture(written(name, tmp_path)).pixels, picture(KINDS[name][1]).pixels)

    def test_keeps_all_16_bits_of_gray_with_alpha(self, tmp_path):
        read, given = read_picture(written("gray_alpha16.png", tmp_path)).pixels, picture("LA16").pixels
        assert np.array_equal(read, given[..., [0, 0, 0, 1]])

    def test_keeps_the_transparency_of_a_palette(self, tmp_path):
        path = written("palette_alphas.png", tmp_path)
        with Image.open(path) as file:
            assert np.array_equal(read_picture(path).pixels, np.asarray(file.convert("RGBA")))

    @pytest.mark.parametrize("name", KINDS)
    def test_is_writable_memory_for_pytorch_warns_otherwise(self, name, tmp_path):
        assert read_image(written(name, tmp_path)).flags.writeable


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("name", [name for name in KINDS if not name.endswith(".bmp")])
    def test_is_undone_as_pillow_undoes_it(self, name, orientation, tmp_path):
        upright = Image.fromarray(read_image(written(name, tmp_path)))
        upright.getexif()[0x0112] = orientation
        turned = read_image(written(name, tmp_path, orientation))
        assert np.array_equal(turned, np.asarray(ImageOps.exif_transpose(upright)))


def photo(height, width, seed=0):
    """Something like a photograph: slopes, an edge and some noise."""
    y, x = np.mgrid[0:height, 0:width]
    slopes = np.stack([x * 200 / width, y * 200 / height, (x + y) * 99 / (height + width)], axis=2)
    slopes[height // 3 :, width // 2 :] += 50
    noise = np.random.default_rng(seed).normal(0, 8, (height, width, 3))
    return np.clip(slopes + noise, 0, 255).astype(np.uint8)


def by_the_book(path):
    """What Pillow sees, upright."""
    with Image.open(path) as file:
        return np.asarray(ImageOps.exif_transpose(file).convert("RGB"))


class TestJpeg:
    """OpenCV decodes it, at twice the speed; the pixels must be those that Pillow sees."""

    @pytest.fixture
    def jpeg(self, tmp_path):
        def jpeg(size=(33, 47), mode="RGB", **options):
            Image.fromarray(photo(*size)).convert(mode).save(tmp_path / "a.jpg", **options)
            return tmp_path / "a.jpg"

        return jpeg

    @pytest.mark.parametrize(
        "options",
        [
            {"subsampling": 0},
            {"subsampling": 1},
            {"subsampling": 2},
            {"progressive": True},
            {"progressive": True, "subsampling": 0, "quality": 97},
            {"quality": 10},
            {"restart_marker_blocks": 1},
            {"keep_rgb": True},
            {"mode": "L"},
            {"mode": "L", "progressive": True},
            {"mode": "CMYK"},
        ],
        ids=lambda options: " ".join(f"{key} {value}" for key, value in options.items()),
    )
    def test_has_the_pixels_that_pillow_sees(self, jpeg, options):
        for size in [(1, 1), (8, 8), (16, 17), (33, 47), (47, 33), (120, 7)]:
            path = jpeg(size, **options)
            assert np.array_equal(read_image(path), by_the_book(path))

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    def test_is_turned_upright(self, jpeg, orientation, mode):
        path = jpeg(mode=mode, exif=exif(orientation))
        pixels = read_image(path)
        assert np.array_equal(pixels, by_the_book(path))
        assert pixels.flags.c_contiguous

    @pytest.mark.parametrize("orientation", [0, 9, 255])
    def test_with_an_orientation_that_there_is_not_stays_as_it_is(self, jpeg, orientation):
        assert read_image(jpeg(exif=exif(orientation))).shape == (33, 47, 3)

    @pytest.mark.parametrize("tail", [b"\0", b"some camera's notes", b"\xff\xd9 and more", bytes(5000)])
    def test_may_end_in_other_bytes(self, jpeg, tail):
        path = jpeg()
        expected = by_the_book(path)
        path.write_bytes(path.read_bytes() + tail)
        assert np.array_equal(read_image(path), expected)

    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "L"}])
    @pytest.mark.parametrize("at_least", [None, 16])
    def test_cut_short_anywhere_is_refused_and_never_gray(self, jpeg, options, at_least):
        path = jpeg((160, 200), **options)
        whole = path.read_bytes()
        for length in [*range(2, len(whole), len(whole) // 25), len(whole) - 3, len(whole) - 40]:
            path.write_bytes(whole[:length])
            with pytest.raises(BadFile, match=r"not a picture|cannot be read"):
                read_image(path, at_least)

    def test_cut_short_is_left_to_pillow(self, jpeg, monkeypatch):
        """Some versions of OpenCV make gray of what is missing."""
        path = jpeg((160, 200))
        path.write_bytes(path.read_bytes()[:-40])
        monkeypatch.setattr(cv2, "imdecode", None)
        with pytest.raises(BadFile, match="truncated"):
            read_image(path)

    def test_of_several_pictures_is_the_first(self, tmp_path):
        first, second = (Image.fromarray(photo(33, 47, seed)) for seed in (1, 2))
        first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])  # as stereo cameras do
        first.save(tmp_path / "b.jpg")
        assert np.array_equal(read_image(tmp_path / "a.jpg"), read_image(tmp_path / "b.jpg"))

    @pytest.mark.parametrize(
        ("at_least", "scale"),
        [(None, 1), (1, 8), (60, 8), (61, 4), (120, 4), (121, 2), (240, 2), (241, 1), (480, 1), (481, 1), (9999, 1)],
    )
    @pytest.mark.parametrize("orientation", [1, 6])
    def test_is_decoded_as_small_as_will_do(self, jpeg, at_least, scale, orientation):
        path = jpeg((480, 640), exif=exif(orientation))
        shape = (480 // scale, 640 // scale) if orientation == 1 else (640 // scale, 480 // scale)
        assert read_image(path, at_least).shape == (*shape, 3)

    @pytest.mark.parametrize("size", [(481, 643), (77, 101), (99, 16)])
    @pytest.mark.parametrize("at_least", [8, 11, 16, 40, 77])
    def test_of_odd_size_is_never_smaller_than_asked_for(self, jpeg, size, at_least):
        height, width = read_image(jpeg(size), at_least).shape[:2]
        assert min(height, width) >= min(at_least, *size)
        assert min(height, width) // 2 < max(at_least, min(size) // 8)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("scale", [2, 4, 8])
    def test_shows_the_same_at_a_fraction_of_its_size(self, jpeg, scale, orientation):
        path = jpeg((320, 480), quality=95, exif=exif(orientation))
        whole, part = read_image(path), read_image(path, 320 // scale)
        small = cv2.resize(whole, part.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert part.shape[0] * scale == whole.shape[0]
        assert np.abs(part.astype(int) - small).mean() < 2

    def test_photographs_have_the_pixels_that_pillow_sees(self, shared_data):
        paths = [path for folder in ("photos", "pets/images") for path in find_images(shared_data / folder)[::40]]
        assert len(paths) > 10
        assert all(np.array_equal(read_image(path), by_the_book(path)) for path in paths)


def test_only_a_jpeg_is_decoded_at_a_fraction(tmp_path):
    for suffix in ("png", "webp", "tif", "bmp"):
        Image.fromarray(photo(64, 64)).save(tmp_path / f"a.{suffix}")
        assert read_image(tmp_path / f"a.{suffix}", at_least=8).shape == (64, 64, 3)


class TestFilesWithTheWrongName:
    """What a file is, its content says: people rename files, and scrapers call everything .jpg."""

    @pytest.mark.parametrize(
        ("kind", "mode", "options"),
        [
            ("GIF", "P", {}),
            ("GIF", "L", {}),
            ("PNG", "RGBA", {}),
            ("PNG", "P", {}),
            ("PNG", "1", {}),
            ("PNG", "RGB", {}),
            ("WEBP", "RGB", {"lossless": True}),
            ("BMP", "RGB", {}),
            ("TIFF", "CMYK", {}),
            ("JPEG", "RGB", {}),
        ],
    )
    @pytest.mark.parametrize("name", ["a.jpg", "a.PNG", "a"])
    def test_are_read_all_the_same(self, tmp_path, kind, mode, options, name):
        Image.fromarray(photo(20, 30)).convert(mode).save(tmp_path / name, kind, **options)
        assert np.array_equal(read_image(tmp_path / name), by_the_book(tmp_path / name))
        assert picture_size(tmp_path / name) == (20, 30)

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
    def test_of_several_frames_are_the_first(self, tmp_path, kind):
        frames = [Image.fromarray(photo(20, 30, seed)).convert("P" if kind == "GIF" else "RGB") for seed in range(3)]
        frames[0].save(tmp_path / "a.jpg", kind, save_all=True, append_images=frames[1:])
        assert np.array_equal(read_image(tmp_path / "a.jpg"), by_the_book(tmp_path / "a.jpg"))


class TestSize:
    @pytest.mark.parametrize("name", KINDS)
    def test_is_that_of_the_upright_picture(self, name, tmp_path):
        for orientation in range(1, 9):
            path = written(name, tmp_path, orientation)
            assert picture_size(path) == read_image(path).shape[:2]

    @pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "bmp", "gif"])
    def test_is_read_from_the_head_alone(self, suffix, tmp_path, monkeypatch):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(photo(20, 30)).save(path)
        monkeypatch.setattr(ImageFile.ImageFile, "load", None)
        assert picture_size(path) == (20, 30)

    def test_of_a_large_picture_raises_no_warning(self, tmp_path):
        Image.new("1", (10_000, 10_000)).save(tmp_path / "large.png")
        assert picture_size(tmp_path / "large.png") == (10_000, 10_000)


READERS = pytest.mark.parametrize("read", [read_picture, read_image, read_mask, picture_size])


class TestFilesThatAreRefused:
    @pytest.fixture(params=["damaged", "text", "empty", "missing", "folder", "link", "circle", "pipe", "program"])
    def bad(self, request, tmp_path):
        """A file, and what is said of it."""
        path = tmp_path / "bad [1].png"
        if request.param == "damaged":
            path.write_bytes(png(picture("RGB").pixels)[:30])
            return path, "not a picture. Inlay reads .jpg,"
        if request.param == "text":
            path.write_text("a shopping list")
            return path, "not a picture. Inlay reads .jpg,"
        if request.param == "empty":
            path.touch()
            return path, "not a picture (the file is empty). Inlay reads"
        if request.param == "folder":
            path.mkdir()
            return path, "a folder, not a picture. Name one file."
        if request.param == "link":
            path.symlink_to("nowhere")
            return path, "no such file (a link that leads nowhere). Check the path."
        if request.param == "circle":
            path.symlink_to(path)
            return path, "cannot be read ("
        if request.param == "pipe":
            os.mkfifo(path)  # opening it would wait for ever
            return path, "neither a file nor a folder. Name a picture."
        if request.param == "program":
            Image.fromarray(SMOOTH).save(path, "EPS")  # Pillow would let Ghostscript run it
            return path, "not a picture. Inlay reads"
        return path, "no such file. Check the path."

    @READERS
    def test_are_named_with_the_reason(self, bad, read):
        path, reason = bad
        with pytest.raises(BadFile) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: {reason}")
        assert caught.value.path == str(path)
        assert caught.value.reason.startswith(reason)

    @READERS
    def test_include_those_that_may_not_be_read(self, read, tmp_path, monkeypatch):
        path = written("color.png", tmp_path)
        path.chmod(0)
        if os.access(path, os.R_OK):  # the administrator's right

            def forbidden(*_, **__):
                raise PermissionError(errno.EACCES, "Permission denied")

            monkeypatch.setattr(Path, "open", forbidden)
        with pytest.raises(BadFile, match=r"color\.png: reading it is not allowed\. Change its permissions"):
            read(path)

    @pytest.mark.parametrize("name", ["color.jpg", "color.png", "color.webp", "color.tif", "color.bmp", *SIXTEEN])
    @pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Truncated File Read")  # Pillow's, before it gives up
    def test_include_every_kind_cut_short(self, name, tmp_path):
        path = written(name, tmp_path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(BadFile, match=re.escape(str(path))):
            read_picture(path)

    @pytest.mark.filterwarnings("ignore")  # Pillow's, of all kinds
    @pytest.mark.parametrize("name", sorted(set(KINDS) - set(SIXTEEN)))
    def test_include_damage_of_every_kind(self, name, tmp_path):
        """Bytes changed at random make a picture or a BadFile, and nothing else: a run of days depends on it."""
        path, rng = written(name, tmp_path), np.random.default_rng(len(name))
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        refused = 0
        for _ in range(40):
            some = whole.copy()
            where = rng.integers(0, min(len(some), rng.choice([60, 300, len(some)])), 3)
            some[where] = rng.integers(0, 256, 3)
            path.write_bytes(some.tobytes())
            for read in (read_image, picture_size):
                try:
                    read(path, max_pixels=10_000)
                except BadFile:
                    refused += 1
        assert refused

    def test_include_tiffs_of_32_bits(self, tmp_path):
        path = tmp_path / "float.tif"
        Image.fromarray(np.zeros(SIZE, np.float32)).save(path)
        with pytest.raises(BadFile, match="takes 8 or 16"):
            read_picture(path)

    @READERS
    @pytest.mark.parametrize("kind", ["png", "jpg"])
    @pytest.mark.parametrize(
        "side", [12_500, 14_000, 40_000], ids=["above our limit", "above Pillow's too", "far above"]
    )
    def test_include_a_huge_one_before_it_is_decoded(self, read, kind, side, tmp_path, monkeypatch):
        path = tmp_path / f"bomb.{kind}"
        if kind == "png":
            path.write_bytes(png(picture("RGB").pixels, claimed_size=(side, side)))
        else:
            data = io.BytesIO()
            Image.fromarray(SMOOTH).save(data, "JPEG")
            head = data.getvalue()
            place = head.index(b"\xff\xc0") + 5  # height and width, behind marker, length and depth
            path.write_bytes(head[:place] + struct.pack(">HH", side, side) + head[place + 4 :])
        monkeypatch.setattr(ImageFile.ImageFile, "load", None)
        monkeypatch.setattr(cv2, "imdecode", None)
        with pytest.raises(BadFile, match=rf"{re.escape(str(path))}: .*more than 150,000,000 pixels"):
            read(path)

    def test_include_a_small_file_of_too_many_pixels(self, tmp_path, monkeypatch):
        Image.new("1", (14_000, 14_000)).save(tmp_path / "bomb.png")
        assert (tmp_path / "bomb.png").stat().st_size < 100_000
        monkeypatch.setattr(ImageFile.ImageFile, "load", None)
        for read in (read_picture, read_image, read_mask, picture_size):
            with pytest.raises(BadFile, match=r"more than 150,000,000 pixels\. Shrink the picture first"):
                read(tmp_path / "bomb.png")

    def test_include_one_above_the_limit_of_the_caller(self, tmp_path):
        path = written("color.png", tmp_path)
        assert read_picture(path, max_pixels=130).size == SIZE
        for read in (read_picture, picture_size, lambda path, max_pixels: read_image(path, max_pixels=max_pixels)):
            with pytest.raises(BadFile, match="13x10 is more than 129 pixels"):
                read(path, max_pixels=129)


class TestWriting:
    @pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".PNG"])
    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "L16", "RGB16", "RGBA16"])
    def test_png_and_tiff_keep_every_bit(self, mode, suffix, tmp_path):
        path, given = tmp_path / f"out{suffix}", picture(mode)
        write_picture(path, given)
        assert np.array_equal(read_picture(path).pixels, given.pixels)

    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_bmp_keeps_every_bit(self, mode, tmp_path):
        write_picture(tmp_path / "out.bmp", picture(mode))
        assert np.array_equal(read_picture(tmp_path / "out.bmp").pixels, picture(mode).pixels)

    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
    def test_webp_keeps_every_bit_and_repeats_gray(self, mode, tmp_path):
        write_picture(tmp_path / "out.webp", picture(mode))
        back, given = read_picture(tmp_path / "out.webp"), picture(mode)
        assert np.array_equal(back.rgb8(), given.rgb8())
        assert back.mode == given.mode.replace("L", "RGB")
        assert "A" not in mode or np.array_equal(back.pixels[..., -1], given.pixels[..., -1])

    def test_webp_keeps_the_colors_of_clear_pixels(self, tmp_path):
        clear = picture("RGBA").pixels * np.uint8([1, 1, 1, 0])
        write_picture(tmp_path / "out.webp", Picture(clear))
        assert np.array_equal(read_picture(tmp_path / "out.webp").pixels, clear)

    def test_jpeg_stays_close(self, tmp_path):
        write_picture(tmp_path / "out.jpg", Picture(SMOOTH))
        assert np.abs(read_image(tmp_path / "out.jpg").astype(int) - SMOOTH).max() <= 6

    @pytest.mark.parametrize(
        ("suffix", "mode"),
        [
            (".jpg", "LA"),
            (".jpeg", "RGBA"),
            (".JPG", "L16"),
            (".bmp", "RGBA"),
            (".bmp", "LA"),
            (".webp", "RGB16"),
            (".webp", "L16"),
            (".png", "LA16"),
        ],
    )
    def test_is_refused_where_the_format_would_lose_something(self, suffix, mode, tmp_path):
        with pytest.raises(InlayError, match=rf"{suffix.lower()} cannot hold {mode} pixels"):
            check_writable(tmp_path / f"out{suffix}", picture(mode))

    @pytest.mark.parametrize("name", ["out.gif", "out", "out.txt"])
    def test_is_refused_in_unknown_formats(self, name, tmp_path):
        with pytest.raises(InlayError, match=r"unknown suffix .* Use one of .*\.png"):
            write_picture(tmp_path / name, picture("RGB"))

    def test_makes_the_folder(self, tmp_path):
        write_picture(tmp_path / "a/b/out.png", picture("RGB"))
        assert (tmp_path / "a/b/out.png").is_file()

    @pytest.mark.parametrize("mode", ["RGB", "RGB16"])
    def test_that_fails_leaves_the_old_file_and_no_other(self, mode, tmp_path, monkeypatch):
        def full_disk(path, picture):
            path.write_bytes(b"half a pict")
            raise OSError(errno.ENOSPC, "No space left on device")

        path = tmp_path / "out.png"
        write_picture(path, picture(mode))
        before = path.read_bytes()
        monkeypatch.setattr("inlay.images._encode", full_disk)
        with pytest.raises(InlayError, match=rf"{re.escape(str(path))}: cannot be written \(No space left"):
            write_picture(path, picture("L"))
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"out.png": before}

    def test_into_a_file_as_if_it_were_a_folder_is_refused(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(InlayError, match="cannot be written"):
            write_picture(tmp_path / "file" / "out.png", picture("RGB"))


@pytest.mark.parametrize("mode", MODES)
class TestFilled:
    @pytest.fixture
    def hole(self, rng):
        return rng.random(SIZE) < 0.4

    def test_keeps_known_pixels_bit_for_bit(self, mode, hole, rng):
        given = picture(mode)
        filled = given.filled(rng.random((*SIZE, 3)).astype(np.float32), hole)
        assert np.array_equal(filled.pixels[~hole], given.pixels[~hole])
        assert (filled.mode, filled.pixels.shape) == (mode, given.pixels.shape)

    def test_puts_the_colors_into_the_hole(self, mode, hole, rng):
        gray = np.repeat(rng.random((*SIZE, 1)).astype(np.float32), 3, axis=2)
        filled = picture(mode).filled(gray, hole)
        half_a_step = 0.5 / filled.peak + 1e-6
        assert np.abs(filled.rgb()[hole] - gray[hole]).max() <= half_a_step

    def test_makes_the_hole_opaque(self, mode, hole, rng):
        filled = picture(mode).filled(rng.random((*SIZE, 3)), hole)
        assert "A" not in mode or (filled.pixels[hole][:, -1] == filled.peak).all()

    def test_clips_what_lies_outside_the_range(self, mode, hole):
        assert (picture(mode).filled(np.full((*SIZE, 3), 7.0), hole).rgb()[hole] == 1).all()
        assert (picture(mode).filled(np.full((*SIZE, 3), -7.0), hole).rgb()[hole] == 0).all()


def test_a_filled_gray_picture_gets_the_luminance():
    green = np.zeros((*SIZE, 3), np.float32) + np.float32([0, 1, 0])
    assert (picture("L").filled(green, np.ones(SIZE, bool)).pixels == round(0.587 * 255)).all()


def test_16_bits_are_rounded_to_the_nearest_of_8():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    assert np.array_equal(Picture(every).rgb8()[..., 0], np.rint(every[..., 0] / 257))


class TestMasks:
    def write(self, folder, pixels):
        path = folder / "mask.png"
        write_picture(path, Picture(np.asarray(pixels)))
        return path

    def test_are_cut_between_127_and_128(self, tmp_path):
        grays = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
        assert np.array_equal(read_mask(self.write(tmp_path, grays)), grays[..., 0] >= 128)

    def test_of_16_bits_are_cut_in_the_middle_too(self, tmp_path):
        grays = np.array([0, 127 * 257, 128 * 257, 65535], np.uint16).reshape(2, 2, 1)
        assert read_mask(self.write(tmp_path, grays)).tolist() == [[False, False], [True, True]]

    def test_are_turned_round_where_black_is_the_hole(self, tmp_path):
        path = self.write(tmp_path, picture("L").pixels)
        assert np.array_equal(read_mask(path, hole_is="black"), ~read_mask(path))

    def test_in_color_are_cut_by_luminance(self, tmp_path):
        yellow, blue = [255, 255, 0], [0, 0, 255]
        assert read_mask(self.write(tmp_path, np.array([[yellow, blue]], np.uint8))).tolist() == [[True, False]]

    def test_ignore_alpha(self, tmp_path):
        pixels = np.array([[[255, 0], [0, 255], [255, 255], [0, 0]]], np.uint8)
        assert read_mask(self.write(tmp_path, pixels)).tolist() == [[True, False, True, False]]

    def test_know_two_colors_of_the_hole(self, tmp_path):
        with pytest.raises(InlayError, match="hole_is must be 'white' or 'black', got 'grey'"):
            read_mask(self.write(tmp_path, picture("L").pixels), hole_is="grey")

    @pytest.mark.parametrize("size", [(10, 13), (5, 6), (23, 64)])
    def test_stay_binary_at_any_size(self, size, rng):
        resized = resize_mask(rng.random(SIZE) < 0.5, *size)
        assert (resized.shape, resized.dtype) == (size, np.bool_)

    def test_are_enlarged_by_repeating_pixels(self, rng):
        mask = rng.random(SIZE) < 0.5
        assert np.array_equal(resize_mask(mask, 20, 39), mask.repeat(2, axis=0).repeat(3, axis=1))


class TestPolarityDoubt:
    @pytest.mark.parametrize("ratio", [0.05, 0.3, 0.80])
    def test_is_silent_about_usual_holes(self, ratio):
        assert polarity_doubt(ratio) is None

    @pytest.mark.parametrize(("ratio", "percent"), [(0.0, "0.0%"), (0.04, "4.0%"), (0.81, "81.0%"), (1.0, "100.0%")])
    def test_names_the_share_of_unusual_ones(self, ratio, percent):
        assert f"covers {percent} of the picture" in polarity_doubt(ratio)

    @pytest.mark.parametrize(("hole_is", "other"), [("white", "black"), ("black", "white")])
    def test_names_the_other_color(self, hole_is, other):
        doubt = polarity_doubt(0.9, hole_is)
        assert f"read with {hole_is} = hole" in doubt
        assert f"hole_is={other} (predict.py: --hole-is {other})" in doubt


ROWS = [[np.full((5, 7, 3), (3 * row + column) / 10) for column in range(3)] for row in range(2)]


class TestContactSheet:
    def test_leaves_a_gap_between_neighbors_alone(self):
        assert contact_sheet(ROWS, gap=4).size == (5 + 4 + 5, 7 + 4 + 7 + 4 + 7)

    def test_has_pictures_in_reading_order(self):
        sheet = contact_sheet(ROWS, gap=4).pixels
        for row in range(2):
            for column in range(3):
                part = sheet[9 * row : 9 * row + 5, 11 * column : 11 * column + 7]
                assert (part == round((3 * row + column) * 25.5)).all()

    def test_has_white_gaps(self):
        sheet = contact_sheet(ROWS, gap=4).pixels
        assert (sheet[5:9] == 255).all()
        assert (sheet[:, 7:11] == 255).all()

    def test_takes_rows_that_are_generators_and_clips(self):
        sheet = contact_sheet((np.full((2, 2, 3), value) for value in (-1.0, 2.0)) for _ in range(2))
        assert (sheet.mode, sheet.pixels.min(), sheet.pixels.max()) == ("RGB", 0, 255)

    def test_pads_rows_of_another_width_with_white(self):
        sheet = contact_sheet([[np.zeros((4, 6, 3))], [np.zeros((5, 9, 3))]], gap=2)
        assert sheet.size == (4 + 2 + 5, 9)
        assert (sheet.pixels[:4, 6:] == 255).all()
        assert (sheet.pixels[6:] == 0).all()


def test_labeled_pictures_have_a_line_of_text_below(rng):
    given = rng.random((30, 90, 3)).astype(np.float32)
    tile = labeled(given, "12.3%")
    assert np.array_equal(tile[:30], given)
    strip = tile[30:]
    assert strip.shape[1:] == (90, 3)
    assert (strip.min(), strip.max()) == (0, 1)
    assert 0.01 < (strip < 0.5).mean() < 0.3
    assert not np.array_equal(labeled(given, "45.6%")[30:], strip)


def test_find_images_is_sorted_recursive_and_leaves_out_what_is_hidden(tmp_path):
    for name in ("b/2.png", "a.JPG", "b/.3.png", ".cache/4.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert find_images(tmp_path) == [tmp_path / "a.JPG", tmp_path / "b/2.png"]
