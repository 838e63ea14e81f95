"""The border of the program: whatever lies on a disk comes in right or is refused by name, and leaves whole."""

import errno
import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from inlay.errors import InlayError
from inlay.images import (
    Picture,
    check_writable,
    contact_sheet,
    find_images,
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


class TestFilesThatAreRefused:
    @pytest.fixture(params=["damaged", "text", "empty", "missing", "folder"])
    def bad(self, request, tmp_path):
        path = tmp_path / "bad [1].png"
        if request.param == "damaged":
            path.write_bytes(png(picture("RGB").pixels)[:200])
        elif request.param == "text":
            path.write_text("a shopping list")
        elif request.param == "empty":
            path.touch()
        elif request.param == "folder":
            path.mkdir()
        return path

    @pytest.mark.parametrize("read", [read_picture, read_image, read_mask])
    def test_are_named(self, bad, read):
        with pytest.raises(InlayError, match=re.escape(str(bad))):
            read(bad)

    @pytest.mark.parametrize("name", ["color.jpg", "color.png", "color.webp", "color.tif", "color.bmp", *SIXTEEN])
    @pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Truncated File Read")  # Pillow's, before it gives up
    def test_include_every_kind_cut_short(self, name, tmp_path):
        path = written(name, tmp_path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(InlayError, match=re.escape(str(path))):
            read_picture(path)

    def test_include_tiffs_of_32_bits(self, tmp_path):
        path = tmp_path / "float.tif"
        Image.fromarray(np.zeros(SIZE, np.float32)).save(path)
        with pytest.raises(InlayError, match="takes 8 or 16"):
            read_picture(path)

    @pytest.mark.parametrize("side", [12_500, 40_000], ids=["above our limit", "above Pillow's too"])
    def test_include_a_huge_one_before_it_is_decoded(self, side, tmp_path):
        path = tmp_path / "bomb.png"
        path.write_bytes(png(picture("RGB").pixels, claimed_size=(side, side)))
        with pytest.raises(InlayError, match=rf"{re.escape(str(path))}: .*more than 150,000,000 pixels"):
            read_picture(path)

    def test_include_one_above_the_limit_of_the_caller(self, tmp_path):
        path = written("color.png", tmp_path)
        assert read_picture(path, max_pixels=130).size == SIZE
        with pytest.raises(InlayError, match="13x10 is more than 129 pixels"):
            read_picture(path, max_pixels=129)


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


def test_find_images_is_sorted_recursive_and_leaves_out_what_is_hidden(tmp_path):
    for name in ("b/2.png", "a.JPG", "b/.3.png", ".cache/4.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert find_images(tmp_path) == [tmp_path / "a.JPG", tmp_path / "b/2.png"]
