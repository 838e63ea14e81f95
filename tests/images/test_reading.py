"""Whatever lies on a disk comes in right or is refused by name."""

import errno
import io
import os
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from inlay.errors import BadFile
from inlay.images import find_images, picture_size, read_image, read_mask, read_picture
from tests.images.files import KINDS, SIXTEEN, SIZE, SMOOTH, by_the_book, exif, photo, picture, png, written


class TestEveryKindOfFile:
    @pytest.mark.parametrize("name", KINDS)
    def test_is_rgb_from_0_to_1_and_says_what_it_was(self, name, tmp_path):
        path = written(name, tmp_path)
        read = read_picture(path)
        assert (read.rgb().shape, read.rgb().dtype) == ((*SIZE, 3), np.float32)
        assert 0 <= read.rgb().min() < read.rgb().max() <= 1
        assert (read.mode, read.stored_as) == KINDS[name][1:]
        assert read_image(path).flags.writeable  # PyTorch warns otherwise

    @pytest.mark.parametrize("name", KINDS)
    def test_has_the_colors_that_pillow_sees_or_all_16_bits(self, name, tmp_path):
        path = written(name, tmp_path)
        if name == "gray_alpha16.png":
            assert np.array_equal(read_picture(path).pixels, picture("LA16").pixels[..., [0, 0, 0, 1]])
        elif name in SIXTEEN:
            assert np.array_equal(read_picture(path).pixels, picture(KINDS[name][1]).pixels)
        elif name == "palette_alphas.png":
            with Image.open(path) as file:
                assert np.array_equal(read_picture(path).pixels, np.asarray(file.convert("RGBA")))
        else:
            with Image.open(path) as file:
                assert np.array_equal(read_image(path), np.asarray(file.convert("RGB")))


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("name", [name for name in KINDS if not name.endswith(".bmp")])
    def test_is_undone_as_pillow_undoes_it(self, name, orientation, tmp_path):
        upright = Image.fromarray(read_image(written(name, tmp_path)))
        upright.getexif()[0x0112] = orientation
        turned = read_image(written(name, tmp_path, orientation))
        assert np.array_equal(turned, np.asarray(ImageOps.exif_transpose(upright)))


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
        for unknown in (0, 9, 255):
            assert read_image(jpeg(exif=exif(unknown))).shape == (33, 47, 3)

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

    def test_of_several_pictures_is_the_first(self, tmp_path):
        first, second = (Image.fromarray(photo(33, 47, seed)) for seed in (1, 2))
        first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])  # as stereo cameras do
        first.save(tmp_path / "b.jpg")
        assert np.array_equal(read_image(tmp_path / "a.jpg"), read_image(tmp_path / "b.jpg"))

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
        paths = [
            path for folder in ("photos", "pets/images") for path in find_images(shared_data / folder).pictures[::40]
        ]
        assert len(paths) > 10
        assert all(np.array_equal(read_image(path), by_the_book(path)) for path in paths)


def test_only_a_jpeg_is_decoded_at_a_fraction(tmp_path):
    for suffix in ("png", "webp", "tif", "bmp"):
        Image.fromarray(photo(64, 64)).save(tmp_path / f"a.{suffix}")
        assert read_image(tmp_path / f"a.{suffix}", min_short_side=8).shape == (64, 64, 3)


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
    def test_of_several_frames_are_refused(self, tmp_path, kind):
        frames = [Image.fromarray(photo(20, 30, seed)).convert("P" if kind == "GIF" else "RGB") for seed in range(3)]
        frames[0].save(tmp_path / "a.jpg", kind, save_all=True, append_images=frames[1:])
        with pytest.raises(BadFile, match=r"3 (pages|frames), where one picture is wanted"):
            read_image(tmp_path / "a.jpg")


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
        """A file, and the reason why it is refused."""
        path = tmp_path / "bad [1].png"
        make, reason = {
            "damaged": (lambda: path.write_bytes(png(picture("RGB").pixels)[:30]), "not a picture. Inlay reads JPEG,"),
            "text": (lambda: path.write_text("a shopping list"), "not a picture. Inlay reads JPEG,"),
            "empty": (path.touch, "not a picture (the file is empty). Inlay reads"),
            "missing": (lambda: None, "no such file. Check the path."),
            "folder": (path.mkdir, "a folder, not a picture. Name one file."),
            "link": (lambda: path.symlink_to("nowhere"), "no such file (a link that leads nowhere). Check the path."),
            "circle": (lambda: path.symlink_to(path), "cannot be read ("),
            "pipe": (lambda: os.mkfifo(path), "neither a file nor a folder."),  # opening it would wait for ever
            "program": (
                lambda: Image.fromarray(SMOOTH).save(path, "EPS"),
                "not a picture. Inlay reads",
            ),  # Ghostscript's
        }[request.param]
        make()
        return path, reason

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


def test_find_images_is_sorted_recursive_and_leaves_out_what_is_hidden(tmp_path):
    for name in ("b/2.png", "a.JPG", "b/.3.png", ".cache/4.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert find_images(tmp_path).pictures == [tmp_path / "a.JPG", tmp_path / "b/2.png"]
