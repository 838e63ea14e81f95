"""A picture leaves whole, in a format that holds it."""

import re
from pathlib import Path

import numpy as np
import pytest

from inlay.errors import InlayError
from inlay.images import Picture, check_writable, read_image, read_picture, write_picture
from tests.full_disk import full_after
from tests.images.files import SMOOTH, picture


class TestWriting:
    @pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".PNG", ".bmp"])
    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "L16", "RGB16", "RGBA16"])
    def test_keeps_every_bit(self, mode, suffix, tmp_path):
        if suffix != ".bmp" or mode in ("L", "RGB"):
            path, given = tmp_path / f"out{suffix}", picture(mode)
            write_picture(path, given)
            assert np.array_equal(read_picture(path).pixels, given.pixels)

    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
    def test_webp_keeps_every_bit_and_repeats_gray(self, mode, tmp_path):
        write_picture(tmp_path / "out.webp", picture(mode))
        back, given = read_picture(tmp_path / "out.webp"), picture(mode)
        assert np.array_equal(back.rgb8(), given.rgb8())
        assert back.mode == given.mode.replace("L", "RGB")
        assert "A" not in mode or np.array_equal(back.pixels[..., -1], given.pixels[..., -1])

    def test_webp_keeps_the_colors_of_clear_pixels_and_jpeg_stays_close(self, tmp_path):
        clear = picture("RGBA").pixels * np.uint8([1, 1, 1, 0])
        write_picture(tmp_path / "out.webp", Picture(clear))
        assert np.array_equal(read_picture(tmp_path / "out.webp").pixels, clear)
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

    def test_makes_the_folder_but_none_of_a_file(self, tmp_path):
        write_picture(tmp_path / "a/b/out.png", picture("RGB"))
        assert (tmp_path / "a/b/out.png").is_file()
        with pytest.raises(InlayError, match="cannot be written"):
            write_picture(tmp_path / "a/b/out.png/out.png", picture("RGB"))

    @pytest.mark.parametrize("mode", ["RGB", "RGB16"])
    def test_that_fails_leaves_the_old_file_and_no_other(self, mode, tmp_path):
        path = tmp_path / "out.png"
        write_picture(path, picture(mode))
        before = path.read_bytes()
        with (
            full_after(20),
            pytest.raises(InlayError, match=rf"{re.escape(str(path))}: cannot be written .* Make room"),
        ):
            write_picture(path, picture("L"))
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"out.png": before}

    @pytest.mark.stranger("B.16")
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
    @pytest.mark.parametrize("missing", [1, 500])
    def test_that_a_full_disk_cuts_short_is_no_picture(self, suffix, missing, tmp_path):
        path, noise = tmp_path / f"out{suffix}", picture("RGB", (64, 64))
        write_picture(path, noise)
        whole = path.read_bytes()
        path.unlink()
        with full_after(len(whole) - missing), pytest.raises(InlayError, match=r"cannot be written .* Make room"):
            write_picture(path, noise)
        assert list(tmp_path.iterdir()) == []
        write_picture(path, noise)
        assert path.read_bytes() == whole

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
    @pytest.mark.parametrize("mode", ["RGB", "RGB16"])
    def test_that_fails_anywhere_leaves_nothing(self, suffix, mode, tmp_path, monkeypatch):
        """Whatever is raised, also what is no fault of the disk, and also when most of the file is there."""

        def stop(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "replace", stop)
        with pytest.raises((KeyboardInterrupt, InlayError)):
            write_picture(tmp_path / f"out{suffix}", picture(mode))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("suffix", "longest"), [(".webp", 16383), (".jpg", 65500)])
    def test_is_refused_where_a_side_is_too_long(self, suffix, longest, tmp_path):
        write_picture(tmp_path / f"out{suffix}", Picture(np.zeros((longest, 1, 3), np.uint8)))
        with pytest.raises(InlayError, match=rf"{suffix} holds up to {longest} pixels a side, not {longest + 1}\. Use"):
            write_picture(tmp_path / f"out{suffix}", Picture(np.zeros((1, longest + 1, 3), np.uint8)))
