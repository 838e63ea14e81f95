"""Which pixels are the hole."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from inlay.errors import BadFile, InlayError
from inlay.images import (
    Picture,
    mask_from_alpha,
    mask_of,
    photograph_warning,
    polarity_warning,
    read_mask,
    read_picture,
    resize_mask,
    write_picture,
)
from tests.images.files import MODES, SIZE, SMOOTH, photo, picture


class TestMasks:
    def write(self, folder, pixels):
        path = folder / "mask.png"
        write_picture(path, Picture(np.asarray(pixels)))
        return path

    def test_are_cut_in_the_middle_of_their_luminance_whatever_alpha_says(self, tmp_path):
        grays, yellow, blue = np.arange(256, dtype=np.uint8).reshape(16, 16, 1), [255, 255, 0], [0, 0, 255]
        assert np.array_equal(read_mask(self.write(tmp_path, grays)), grays[..., 0] >= 128)
        deep = np.array([0, 127 * 257, 128 * 257, 65535], np.uint16).reshape(2, 2, 1)
        assert read_mask(self.write(tmp_path, deep)).tolist() == [[False, False], [True, True]]
        assert read_mask(self.write(tmp_path, np.array([[yellow, blue]], np.uint8))).tolist() == [[True, False]]
        clear = np.array([[[255, 0], [0, 255], [255, 255], [0, 0]]], np.uint8)
        assert read_mask(self.write(tmp_path, clear)).tolist() == [[True, False, True, False]]

    def test_are_turned_round_where_black_is_the_hole(self, tmp_path):
        path = self.write(tmp_path, picture("L").pixels)
        assert np.array_equal(read_mask(path, mask_polarity="black"), ~read_mask(path))

    def test_know_two_colors_of_the_hole(self, tmp_path):
        for read in (
            lambda: read_mask(self.write(tmp_path, SMOOTH), mask_polarity="grey"),
            lambda: mask_of(picture("L"), "grey"),
        ):
            with pytest.raises(InlayError, match="mask_polarity must be 'white' or 'black', got 'grey'"):
                read()

    def test_stay_binary_at_any_size_and_are_enlarged_by_repeating_pixels(self, rng):
        mask = rng.random(SIZE) < 0.5
        for size in ((10, 13), (5, 6), (23, 64)):
            assert (resize_mask(mask, *size).shape, resize_mask(mask, *size).dtype) == (size, np.bool_)
        assert np.array_equal(resize_mask(mask, 20, 39), mask.repeat(2, axis=0).repeat(3, axis=1))


def test_unusual_holes_are_warned_of():
    assert not any(polarity_warning(ratio) for ratio in (0.05, 0.3, 0.80))
    for ratio, percent in [(0.0, "0.0%"), (0.04, "4.0%"), (0.81, "81.0%"), (1.0, "100.0%")]:
        assert f"covers {percent} of the picture" in polarity_warning(ratio)
    for polarity, other in [("white", "black"), ("black", "white")]:
        warning = polarity_warning(0.9, polarity)
        assert f"read with {polarity} = hole" in warning
        assert f"use mask_polarity={other}." in warning


class TestAlphaHole:
    @pytest.mark.parametrize(("dtype", "below", "above"), [(np.uint8, 127, 128), (np.uint16, 32767, 32768)])
    @pytest.mark.parametrize("channels", [2, 4])
    def test_is_where_it_is_more_transparent_than_opaque(self, channels, dtype, below, above):
        pixels = np.full((1, 4, channels), 200, dtype)
        pixels[0, :, -1] = 0, below, above, np.iinfo(dtype).max
        assert mask_from_alpha(Picture(pixels)).tolist() == [[True, True, False, False]]

    @pytest.mark.parametrize("mode", ["L", "RGB16"])
    def test_needs_an_alpha_channel(self, mode):
        with pytest.raises(InlayError, match=rf"mode {mode} has no alpha channel .* Give a mask, or"):
            mask_from_alpha(picture(mode))


class TestMaskOf:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("mask_polarity", ["white", "black"])
    def test_is_what_is_read_from_the_file(self, mode, mask_polarity, tmp_path):
        given = picture(mode)
        if mode != "LA16":  # which no format takes
            write_picture(tmp_path / "mask.png", given)
            assert np.array_equal(mask_of(given, mask_polarity), read_mask(tmp_path / "mask.png", mask_polarity))
        luminance = (given.rgb8() * np.array([299, 587, 114])).sum(axis=2)
        assert np.array_equal(mask_of(given, mask_polarity), (luminance >= 127_500) == (mask_polarity == "white"))

    def test_may_be_cut_elsewhere(self):
        grays = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
        assert mask_of(Picture(grays), binarize=0.1).sum() == 256 - 26

    def test_of_a_file_says_nothing_of_its_metadata(self, tmp_path, caplog):
        Image.fromarray(SMOOTH).save(tmp_path / "mask.png", icc_profile=b"damaged")
        read_mask(tmp_path / "mask.png")
        assert not caplog.records


@pytest.mark.stranger("17.A.8")
class TestNumbersOf32Bits:
    @pytest.mark.parametrize(
        ("numbers", "dtype"),
        [([0, 1], np.int32), ([0, 255], np.int32), ([0, 65535], np.int32), ([0.2, 0.9], np.float32), ([0, 255], "f4")],
    )
    def test_are_read_by_their_range(self, numbers, dtype, tmp_path):
        Image.fromarray(np.array([numbers], dtype)).save(tmp_path / "mask.tif")
        assert read_mask(tmp_path / "mask.tif").tolist() == [[False, True]]

    @pytest.mark.parametrize("numbers", [[-1, 1], [0, 70000], [0, np.nan]])
    def test_of_another_range_are_refused_for_that(self, numbers, tmp_path):
        Image.fromarray(np.array([numbers], np.float32)).save(tmp_path / "mask.tif")
        with pytest.raises(BadFile, match=r"values go from .* to .*: not from 0 to 1, 255 or 65535"):
            read_mask(tmp_path / "mask.tif")

    def test_in_color_are_refused_for_that(self, tmp_path):
        tifffile.imwrite(tmp_path / "mask.tif", np.zeros((4, 5, 3), np.float32), photometric="rgb")
        with pytest.raises(BadFile, match=r"a TIFF of a kind that is not read .*Save it with 8 or 16 bits"):
            read_mask(tmp_path / "mask.tif")


@pytest.mark.stranger("17.A.8")
class TestPhotographDoubt:
    def test_is_of_many_grays_and_few_extremes(self):
        assert "photograph rather than a mask" in photograph_warning(Picture(photo(60, 80)))

    def test_is_not_of_a_mask_that_jpeg_has_blurred(self, tmp_path):
        y, x = np.mgrid[:60, :80]
        disc = np.where((y - 30) ** 2 + (x - 40) ** 2 < 400, np.uint8(255), np.uint8(0))
        Image.fromarray(disc).save(tmp_path / "mask.jpg", quality=60)
        assert photograph_warning(read_picture(tmp_path / "mask.jpg")) is None
