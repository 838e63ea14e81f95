"""Which pixels are the hole."""

import numpy as np
import pytest
import tifffile

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
)
from tests.images.described import wrote
from tests.images.files import MODES, SIZE, photo, picture
from tests.masks.contexts import disc


class TestMasks:
    def test_are_cut_in_the_middle_of_their_luminance_whatever_alpha_says(self, tmp_path):
        def read(colors, dtype=np.uint8):
            return read_mask(wrote(tmp_path, ".png", Picture(np.array([colors], dtype)))).tolist()

        assert read(np.arange(256)[:, None]) == [[gray >= 128 for gray in range(256)]]
        assert read([[0], [127 * 257], [128 * 257], [65535]], np.uint16) == [[False, False, True, True]]
        assert read([[255, 255, 0], [0, 0, 255]]) == [[True, False]]  # yellow and blue
        assert read([[255, 0], [0, 255], [255, 255], [0, 0]]) == [[True, False, True, False]]

    def test_know_two_colors_of_the_hole(self, save):
        for read, given in ((read_mask, save("mask.png")), (mask_of, picture("L"))):
            with pytest.raises(InlayError, match="mask_polarity must be 'white' or 'black', got 'grey'"):
                read(given, mask_polarity="grey")

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
            path = wrote(tmp_path, ".png", given)
            assert np.array_equal(mask_of(given, mask_polarity), read_mask(path, mask_polarity))
        luminance = (given.rgb8() * np.array([299, 587, 114])).sum(axis=2)
        assert np.array_equal(mask_of(given, mask_polarity), (luminance >= 127_500) == (mask_polarity == "white"))

    def test_may_be_cut_elsewhere(self):
        assert mask_of(Picture(np.arange(256, dtype=np.uint8).reshape(16, 16, 1)), binarize=0.1).sum() == 256 - 26

    def test_of_a_file_says_nothing_of_its_metadata(self, save, caplog):
        read_mask(save("mask.png", icc_profile=b"damaged"))
        assert not caplog.records


@pytest.mark.stranger("17.A.8")
class TestNumbersOf32Bits:
    @pytest.mark.parametrize(
        ("numbers", "dtype"),
        [([0, 1], np.int32), ([0, 255], np.int32), ([0, 65535], np.int32), ([0.2, 0.9], np.float32), ([0, 255], "f4")],
    )
    def test_are_read_by_their_range(self, numbers, dtype, save):
        assert read_mask(save("mask.tif", np.array([numbers], dtype))).tolist() == [[False, True]]

    @pytest.mark.parametrize("numbers", [[-1, 1], [0, 70000], [0, np.nan]])
    def test_of_another_range_are_refused_for_that(self, numbers, save):
        with pytest.raises(BadFile, match=r"values go from .* to .*: not from 0 to 1, 255 or 65535"):
            read_mask(save("mask.tif", np.array([numbers], np.float32)))

    def test_in_color_are_refused_for_that(self, tmp_path):
        tifffile.imwrite(tmp_path / "mask.tif", np.zeros((4, 5, 3), np.float32), photometric="rgb")
        with pytest.raises(BadFile, match=r"a TIFF of a kind that is not read .*Save it with 8 or 16 bits"):
            read_mask(tmp_path / "mask.tif")


@pytest.mark.stranger("17.A.8")
def test_a_photograph_is_of_many_grays_and_few_extremes_and_no_mask_that_jpeg_has_blurred(save):
    assert "photograph rather than a mask" in photograph_warning(Picture(photo(60, 80)))
    blurred = save("mask.jpg", disc(80, 20).astype(np.uint8) * np.uint8(255), quality=60)
    assert photograph_warning(read_picture(blurred)) is None
