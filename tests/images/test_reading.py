"""Whatever lies on a disk comes in right or is refused by name."""

import os
import re
import struct
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from inlay.errors import BadFile
from inlay.images import find_images, picture_size, read_image, read_mask, read_picture
from tests.images.files import KINDS, SIXTEEN, SIZE, SMOOTH, by_the_book, exif, photo, picture, png, written


class TestEveryKindOfFile:
    @pytest.mark.parametrize("name", KINDS)
    def test_says_what_it_was_and_has_the_colors_that_pillow_sees_or_all_16_bits(self, name, tmp_path):
        path = written(name, tmp_path)
        read, image = read_picture(path), read_image(path)
        assert (read.rgb().shape, read.rgb().dtype) == ((*SIZE, 3), np.float32)
        assert 0 <= read.rgb().min() < read.rgb().max() <= 1
        stored_as, mode = KINDS[name]
        assert (read.mode, read.stored_as) == (mode, "" if stored_as == mode else stored_as)
        assert picture_size(path) == SIZE
        assert image.flags.writeable  # PyTorch warns otherwise
        if name == "gray_alpha16.png":
            assert np.array_equal(read.pixels, picture("LA16").pixels[..., [0, 0, 0, 1]])
        elif name in SIXTEEN:
            assert np.array_equal(read.pixels, picture(read.mode).pixels)
        elif name == "palette_alphas.png":
            with Image.open(path) as file:
                assert np.array_equal(read.pixels, np.asarray(file.convert("RGBA")))
        else:
            assert np.array_equal(image, by_the_book(path))

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("name", [name for name in KINDS if not name.endswith(".bmp")])
    def test_is_turned_upright_as_pillow_turns_it(self, name, orientation, tmp_path):
        upright = Image.fromarray(read_image(written(name, tmp_path)))
        upright.getexif()[0x0112] = orientation
        path = written(name, tmp_path, orientation)
        turned = read_image(path)
        assert np.array_equal(turned, np.asarray(ImageOps.exif_transpose(upright)))
        assert picture_size(path) == turned.shape[:2]


class TestJpeg:
    """OpenCV decodes it, at twice the speed; the pixels must be those that Pillow sees."""

    @pytest.fixture
    def jpeg(self, save):
        return lambda size=(33, 47), **options: save("a.jpg", photo(*size), **options)

    @pytest.mark.parametrize(
        "options",
        [
            *({"subsampling": how} for how in (0, 1, 2)),
            *({"progressive": True, **more} for more in ({}, {"mode": "L"}, {"subsampling": 0, "quality": 97})),
            *({"mode": mode} for mode in ("L", "CMYK")),
            *({"quality": 10}, {"restart_marker_blocks": 1}, {"keep_rgb": True}),
        ],
        ids=lambda options: " ".join(f"{key} {value}" for key, value in options.items()),
    )
    def test_has_the_pixels_that_pillow_sees(self, jpeg, options):
        for size in [(1, 1), (8, 8), (16, 17), (33, 47), (47, 33), (120, 7)]:
            path = jpeg(size, **options)
            assert np.array_equal(read_image(path), by_the_book(path))

    @pytest.mark.parametrize("mode", ["RGB", "L"])
    def test_is_turned_upright_where_the_orientation_is_known(self, jpeg, mode):
        for orientation in (*range(10), 255):
            path = jpeg(mode=mode, exif=exif(orientation))
            pixels = read_image(path)
            assert np.array_equal(pixels, by_the_book(path))
            assert pixels.flags.c_contiguous

    @pytest.mark.parametrize("tail", [b"\0", b"some camera's notes", b"\xff\xd9 and more", bytes(5000)])
    def test_may_end_in_other_bytes(self, jpeg, tail):
        path = jpeg()
        expected = by_the_book(path)
        path.write_bytes(path.read_bytes() + tail)
        assert np.array_equal(read_image(path), expected)

    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "L"}])
    @pytest.mark.parametrize("min_short_side", [None, 16])
    def test_cut_short_anywhere_is_refused_and_never_gray(self, jpeg, options, min_short_side, monkeypatch):
        path = jpeg((160, 200), **options)
        whole = path.read_bytes()
        for length in [*range(2, len(whole), len(whole) // 25), len(whole) - 3, len(whole) - 40]:
            path.write_bytes(whole[:length])
            with pytest.raises(BadFile, match=r"not a picture|cannot be read"):
                read_image(path, min_short_side)
        monkeypatch.setattr(cv2, "imdecode", None)  # some versions of OpenCV make gray of what is missing
        with pytest.raises(BadFile, match="truncated"):
            read_image(path, min_short_side)

    def test_of_several_pictures_is_the_first(self, save):
        first, second = (Image.fromarray(photo(33, 47, seed)) for seed in (1, 2))
        stereo = save("a.jpg", first, kind="MPO", save_all=True, append_images=[second])
        assert np.array_equal(read_image(stereo), read_image(save("b.jpg", first)))

    @pytest.mark.parametrize(
        ("min_short_side", "scale"),
        [(None, 1), (1, 8), (60, 8), (61, 4), (120, 4), (121, 2), (240, 2), (241, 1), (480, 1), (481, 1), (9999, 1)],
    )
    @pytest.mark.parametrize("orientation", [1, 6])
    def test_is_decoded_as_small_as_will_do(self, jpeg, min_short_side, scale, orientation):
        path = jpeg((480, 640), exif=exif(orientation))
        shape = (480 // scale, 640 // scale) if orientation == 1 else (640 // scale, 480 // scale)
        assert read_image(path, min_short_side).shape == (*shape, 3)

    @pytest.mark.parametrize("size", [(481, 643), (77, 101), (99, 16)])
    @pytest.mark.parametrize("min_short_side", [8, 11, 16, 40, 77])
    def test_of_odd_size_is_never_smaller_than_asked_for(self, jpeg, size, min_short_side):
        height, width = read_image(jpeg(size), min_short_side).shape[:2]
        assert min(height, width) >= min(min_short_side, *size)
        assert min(height, width) // 2 < max(min_short_side, min(size) // 8)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("scale", [2, 4, 8])
    def test_shows_the_same_at_a_fraction_of_its_size(self, jpeg, scale, orientation):
        path = jpeg((320, 480), quality=95, exif=exif(orientation))
        whole, part = read_image(path), read_image(path, 320 // scale)
        small = cv2.resize(whole, part.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert part.shape[0] * scale == whole.shape[0]
        assert np.abs(part.astype(int) - small).mean() < 2

    def test_photographs_have_the_pixels_that_pillow_sees(self, shared_data):
        folders = (find_images(shared_data / name).pictures[::40] for name in ("photos", "pets/images"))
        paths = [path for paths in folders for path in paths]
        assert len(paths) > 10
        assert all(np.array_equal(read_image(path), by_the_book(path)) for path in paths)


def test_only_a_jpeg_is_decoded_at_a_fraction(save):
    for suffix in ("png", "webp", "tif", "bmp"):
        assert read_image(save(f"a.{suffix}", photo(64, 64)), min_short_side=8).shape == (64, 64, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.PNG", "a"])
@pytest.mark.parametrize(
    "kind",
    ["GIF P", "GIF L", "PNG RGBA", "PNG P", "PNG 1", "PNG RGB", "WEBP RGB", "BMP RGB", "TIFF CMYK", "JPEG RGB"],
)
def test_what_a_file_is_its_content_says_whatever_its_name(save, kind, name):
    kind, mode = kind.split()
    path = save(name, photo(20, 30), mode, kind)
    assert np.array_equal(read_image(path), by_the_book(path))
    assert picture_size(path) == (20, 30)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "bmp", "gif"])
def test_the_size_is_read_from_the_head_alone(suffix, save, monkeypatch):
    path = save(f"a.{suffix}", photo(20, 30))
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    assert picture_size(path) == (20, 30)


def test_the_size_of_a_large_picture_raises_no_warning(save):
    assert picture_size(save("large.png", Image.new("1", (10_000, 10_000)))) == (10_000, 10_000)


READERS = pytest.mark.parametrize("read", [read_picture, read_image, read_mask, picture_size])


class TestFilesThatAreRefused:
    @READERS
    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda path: path.write_bytes(png(picture("RGB").pixels)[:30]), "not a picture. Inlay reads JPEG,"),
            (lambda path: path.write_text("a shopping list"), "not a picture. Inlay reads JPEG,"),
            (lambda path: Image.fromarray(SMOOTH).save(path, "EPS"), "not a picture. Inlay reads"),  # Ghostscript's
            (lambda path: path.touch(), "not a picture (the file is empty). Inlay reads"),
            (lambda path: None, "no such file. Check the path."),
            (lambda path: path.mkdir(), "a folder, not a picture. Name one file."),
            (lambda path: path.symlink_to("nowhere"), "no such file (a link that leads nowhere). Check the path."),
            (lambda path: path.symlink_to(path), "cannot be read ("),
            (os.mkfifo, "neither a file nor a folder."),  # opening it would wait for ever
        ],
        ids=["damaged", "text", "program", "empty", "missing", "folder", "link", "circle", "pipe"],
    )
    def test_are_named_with_the_reason(self, make, reason, read, tmp_path):
        path = tmp_path / "bad [1].png"
        make(path)
        with pytest.raises(BadFile) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: {reason}")
        assert (caught.value.path, str(caught.value)) == (str(path), f"{path}: {caught.value.reason}")

    @READERS
    def test_include_those_that_may_not_be_read(self, read, tmp_path, monkeypatch):
        path = written("color.png", tmp_path)
        path.chmod(0)
        if os.access(path, os.R_OK):  # the administrator's right
            monkeypatch.setattr(Path, "open", Mock(side_effect=PermissionError))
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

    def test_include_tiffs_of_32_bits(self, save):
        with pytest.raises(BadFile, match="takes 8 or 16"):
            read_picture(save("float.tif", np.zeros(SIZE, np.float32)))

    @READERS
    @pytest.mark.parametrize("kind", ["png", "jpg"])
    @pytest.mark.parametrize("side", [12_500, 14_000, 40_000])  # above our limit, above Pillow's too, far above
    def test_include_a_huge_one_before_it_is_decoded(self, read, kind, side, save, monkeypatch):
        path = save(f"bomb.{kind}")
        data = path.read_bytes()
        place = data.index(b"\xff\xc0") + 5 if kind == "jpg" else 0  # height and width: behind marker, length, depth
        jpg = data[:place] + struct.pack(">HH", side, side) + data[place + 4 :]
        path.write_bytes(jpg if kind == "jpg" else png(picture("RGB").pixels, claimed_size=(side, side)))
        monkeypatch.setattr(ImageFile.ImageFile, "load", None)
        monkeypatch.setattr(cv2, "imdecode", None)
        with pytest.raises(BadFile, match=rf"{re.escape(str(path))}: .*more than 150,000,000 pixels\. Shrink"):
            read(path)

    def test_include_one_above_the_limit_of_the_caller(self, tmp_path):
        path = written("color.png", tmp_path)
        assert read_picture(path, max_pixels=130).size == SIZE
        for read in (read_picture, picture_size, lambda path, max_pixels: read_image(path, max_pixels=max_pixels)):
            with pytest.raises(BadFile, match="13x10 is more than 129 pixels"):
                read(path, max_pixels=129)
