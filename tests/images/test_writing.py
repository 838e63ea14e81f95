"""A picture leaves whole, in a format that holds it."""

import re
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from inlay.errors import InlayError
from inlay.images import Picture, check_writable, read_image, read_picture, write_picture
from tests.full_disk import full_after
from tests.images.described import wrote
from tests.images.files import SMOOTH, picture


class TestWriting:
    @pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".PNG", ".bmp"])
    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "L16", "RGB16", "RGBA16"])
    def test_keeps_every_bit(self, mode, suffix, tmp_path):
        if suffix != ".bmp" or mode in ("L", "RGB"):
            given = picture(mode)
            assert np.array_equal(read_picture(wrote(tmp_path, suffix, given)).pixels, given.pixels)

    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
    def test_webp_keeps_every_bit_and_repeats_gray(self, mode, tmp_path):
        given = picture(mode)
        back = read_picture(wrote(tmp_path, ".webp", given))
        assert np.array_equal(back.rgb8(), given.rgb8())
        assert back.mode == given.mode.replace("L", "RGB")
        assert "A" not in mode or np.array_equal(back.pixels[..., -1], given.pixels[..., -1])

    def test_webp_keeps_the_colors_of_clear_pixels_and_jpeg_stays_close(self, tmp_path):
        clear = picture("RGBA").pixels * np.uint8([1, 1, 1, 0])
        assert np.array_equal(read_picture(wrote(tmp_path, ".webp", Picture(clear))).pixels, clear)
        assert np.abs(read_image(wrote(tmp_path, ".jpg", Picture(SMOOTH))).astype(int) - SMOOTH).max() <= 6

    def test_is_refused_where_the_format_would_lose_something_or_is_unknown(self, tmp_path):
        lossy = {".jpg": ["LA"], ".jpeg": ["RGBA"], ".JPG": ["L16"], ".bmp": ["RGBA", "LA"], ".webp": ["RGB16", "L16"]}
        for suffix, modes in {**lossy, ".png": ["LA16"]}.items():
            for mode in modes:
                with pytest.raises(InlayError, match=rf"{suffix.lower()} cannot hold {mode} pixels"):
                    check_writable(tmp_path / f"out{suffix}", picture(mode))
        for suffix in (".gif", "", ".txt"):
            with pytest.raises(InlayError, match=r"unknown suffix .* Use one of .*\.png"):
                wrote(tmp_path, suffix, picture("RGB"))

    def test_makes_the_folder_but_none_of_a_file(self, tmp_path):
        write_picture(tmp_path / "a/b/out.png", picture("RGB"))
        assert (tmp_path / "a/b/out.png").is_file()
        with pytest.raises(InlayError, match="cannot be written"):
            write_picture(tmp_path / "a/b/out.png/out.png", picture("RGB"))

    @pytest.mark.stranger("B.16")
    @pytest.mark.parametrize("mode", ["RGB.jpg", "RGB.png", "RGB16.png", "RGB.webp", "RGB.tif", "RGB.bmp"])
    @pytest.mark.parametrize("missing", [1, 500])
    def test_that_a_full_disk_cuts_short_leaves_the_old_file_and_no_other(self, mode, missing, tmp_path):
        mode, suffix = mode.split(".")
        noise = picture(mode, (64, 64))
        path = wrote(tmp_path, f".{suffix}", noise)
        whole = path.read_bytes()
        for there in ([path], []):
            with (
                full_after(len(whole) - missing),
                pytest.raises(InlayError, match=f"{re.escape(str(path))}: cannot be written .* Make room"),
            ):
                write_picture(path, noise)
            assert list(tmp_path.iterdir()) == there
            assert not there or path.read_bytes() == whole
            path.unlink(missing_ok=True)

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
    @pytest.mark.parametrize("mode", ["RGB", "RGB16"])
    def test_that_fails_anywhere_leaves_nothing(self, suffix, mode, tmp_path, monkeypatch):
        """Whatever is raised, also what is no fault of the disk, and also when most of the file is there."""
        monkeypatch.setattr(Path, "replace", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises((KeyboardInterrupt, InlayError)):
            wrote(tmp_path, suffix, picture(mode))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("suffix", "longest"), [(".webp", 16383), (".jpg", 65500)])
    def test_is_refused_where_a_side_is_too_long(self, suffix, longest, tmp_path):
        wrote(tmp_path, suffix, Picture(np.zeros((longest, 1, 3), np.uint8)))
        with pytest.raises(InlayError, match=rf"{suffix} holds up to {longest} pixels a side, not {longest + 1}\. Use"):
            wrote(tmp_path, suffix, Picture(np.zeros((1, longest + 1, 3), np.uint8)))
