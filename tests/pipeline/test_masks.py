"""The hole of a picture, from whatever it is given as."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from inlay.errors import InlayError
from inlay.images import Picture, write_picture
from inlay.pipeline import check_threshold, read_hole
from inlay.pipeline.masks import hole_of
from tests.images.files import photo
from tests.pictures import half, write_mask


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mask.png"


class TestReadHole:
    def test_of_the_size_of_the_picture_says_nothing(self, path):
        mask, doubts, remark = read_hole(write_mask(path, half(20, 30)), (20, 30))
        assert np.array_equal(mask, half(20, 30))
        assert (doubts, remark) == ([], "")

    def test_may_be_black(self, path):
        assert np.array_equal(read_hole(write_mask(path, half(20, 30)), (20, 30), "black").mask, ~half(20, 30))

    @pytest.mark.parametrize(("mask_polarity", "other"), [("white", "black"), ("black", "white")])
    def test_without_hole_names_the_other_color(self, path, mask_polarity, other):
        write_mask(path, np.full((20, 30), mask_polarity == "black"))
        with pytest.raises(
            InlayError, match=rf"{path}: no hole \({mask_polarity} = hole\).* use mask_polarity={other}"
        ):
            read_hole(path, (20, 30), mask_polarity)

    @pytest.mark.parametrize("mask_polarity", ["white", "black"])
    def test_that_is_all_hole_leaves_nothing_to_fill_from(self, path, mask_polarity):
        write_mask(path, np.full((20, 30), mask_polarity == "white"))
        with pytest.raises(InlayError, match=f"{path}: the whole picture is hole"):
            read_hole(path, (20, 30), mask_polarity)

    def test_that_is_made_smaller_loses_no_line(self, path):
        lines = np.zeros((90, 90), bool)
        lines[3] = lines[:, 44] = True
        mask, *_ = read_hole(write_mask(path, lines), (10, 20))
        expected = np.zeros((10, 20), bool)
        expected[0] = expected[:, 9] = True
        assert np.array_equal(mask, expected)

    def test_of_zeros_and_ones_is_told_what_to_do(self, path):
        write_picture(path, Picture(half(20, 30)[..., None].astype(np.uint8)))
        with pytest.raises(InlayError, match=r"its brightest value is 1 of 255, .* Multiply it by 255"):
            read_hole(path, (20, 30))

    def test_of_another_size_is_resized_and_said_so(self, path):
        mask, doubts, remark = read_hole(write_mask(path, half(20, 30)), (40, 60), "white")
        assert np.array_equal(mask, half(40, 60))
        assert (doubts, remark) == ([], "The mask is 30x20; resized to the picture's 60x40.")

    def test_of_another_aspect_ratio_is_stretched_and_doubted(self, path):
        mask, (doubt,), _ = read_hole(write_mask(path, half(20, 30)), (40, 40), "white")
        assert mask.shape == (40, 40)
        assert doubt == f"{path}: mask and picture differ in aspect ratio: it was stretched. Is it the right one?"

    def test_a_pixel_off_in_a_large_picture_is_no_other_aspect_ratio(self, path):
        assert read_hole(write_mask(path, half(200, 300)), (201, 300), "white").doubts == []

    @pytest.mark.parametrize("share", [0.02, 0.5])
    def test_of_a_usual_share_is_not_doubted(self, path, share):
        write_mask(path, np.arange(10_000).reshape(100, 100) < share * 10_000)
        assert read_hole(path, (100, 100)).doubts == []

    def test_of_an_unusual_share_is_doubted(self, path):
        share = 0.9
        write_mask(path, np.arange(10_000).reshape(100, 100) < share * 10_000)
        (doubt,) = read_hole(path, (100, 100), "white").doubts
        assert doubt.startswith(f"{path}: the hole covers {share:.1%} of the picture")
        assert "use mask_polarity=black" in doubt

    def test_that_is_no_picture_is_named(self, tmp_path):
        with pytest.raises(InlayError, match=re.escape(f"{tmp_path / 'none.png'}: no such file")):
            read_hole(tmp_path / "none.png", (10, 10), "white")


HALF = half(20, 30)


class TestHoleOf:
    @pytest.mark.parametrize(
        "mask",
        [
            HALF,
            HALF[..., None],
            HALF[None],
            HALF.astype(np.uint8),
            HALF.astype(np.uint8) * 255,
            HALF.astype(np.int64),
            HALF.astype(np.float32) * 0.7,
            torch.from_numpy(HALF),
            torch.from_numpy(HALF)[None, None].float(),
            Image.fromarray(HALF),
            Image.fromarray(HALF.astype(np.uint8) * 200),
            Image.fromarray(np.repeat(HALF[..., None], 3, 2).astype(np.uint8) * 255),
        ],
        ids=lambda mask: f"{type(mask).__name__}-{getattr(mask, 'dtype', getattr(mask, 'mode', ''))}",
    )
    def test_is_the_same_whatever_it_is_given_as(self, mask):
        assert np.array_equal(hole_of(mask, (20, 30)).mask, HALF)

    def test_may_be_a_path(self, path):
        assert np.array_equal(hole_of(write_mask(path, HALF), (20, 30)).mask, HALF)
        assert np.array_equal(hole_of(str(path), (20, 30)).mask, HALF)

    def test_of_one_column_is_no_channel(self):
        column = np.zeros((20, 1), bool)
        column[:5] = True
        assert np.array_equal(hole_of(column, (20, 1)).mask, column)
        assert np.array_equal(hole_of(column[None], (20, 1)).mask, column)

    @pytest.mark.parametrize(
        ("mask", "says"),
        [
            (np.zeros((20, 30, 3)), r"one number a pixel, \(H, W\), got \(20, 30, 3\)"),
            ([[1, 0]], "must be a path, a PIL image, an array or a tensor, got list"),
            (np.zeros((20, 30)), "mask: no hole"),
            (np.zeros((0, 0)), "one number a pixel"),
            (np.ones((20, 30)), "mask: the whole picture is hole"),
        ],
        ids=["colors", "list", "empty", "nothing", "full"],
    )
    def test_that_means_nothing_is_refused(self, mask, says):
        with pytest.raises(InlayError, match=says):
            hole_of(mask, (20, 30))


@pytest.mark.stranger("17.A.8")
class TestOddMasks:
    def test_of_16_bits_and_ones_are_told_what_to_do(self, path):
        write_picture(path, Picture(half(20, 30)[..., None].astype(np.uint16)))
        with pytest.raises(InlayError, match=r"value is 1 of 65535, so nothing is white\. Multiply it by 65535"):
            read_hole(path, (20, 30))

    def test_made_before_the_picture_was_turned_are_turned_and_that_is_said(self, path):
        stored = half(30, 20)
        for given in (write_mask(path, stored), stored, torch.from_numpy(stored)):
            mask, (doubt,), remark = hole_of(given, (20, 30), turned=6)
            assert np.array_equal(mask, np.rot90(stored, -1))
            assert "turned likewise" in doubt
            assert not remark

    def test_of_a_picture_that_was_not_turned_are_stretched(self, path):
        assert "stretched" in read_hole(write_mask(path, half(30, 20)), (20, 30), turned=3).doubts[0]

    def test_that_are_photographs_need_a_threshold(self, path):
        write_picture(path, Picture(photo(60, 80)))
        for given in (path, Image.open(path), photo(60, 80)[..., 0]):
            with pytest.raises(InlayError, match=r"a photograph .* threshold=0\.5"):
                hole_of(given, (60, 80))
            assert 0 < hole_of(given, (60, 80), threshold=0.4).mask.mean() < 1

    @pytest.mark.parametrize("mask", [half(10, 15), torch.from_numpy(half(40, 60))[None], half(30, 20).astype(float)])
    def test_of_another_size_are_errors_in_python(self, mask):
        with pytest.raises(InlayError, match=r"mask is .*, but image 20x30\. Give one of its size"):
            hole_of(mask, (20, 30))

    def test_of_16_bit_numbers_are_cut_in_the_middle(self):
        assert np.array_equal(hole_of(HALF.astype(np.uint16) * 40_000 + 20_000, (20, 30)).mask, HALF)

    @pytest.mark.parametrize("mode", ["F", "I"])
    def test_of_pillow_may_have_32_bits(self, mode):
        assert np.array_equal(hole_of(Image.fromarray(HALF.astype(np.uint8)).convert(mode), (20, 30)).mask, HALF)


@pytest.mark.parametrize("threshold", [0, 1.5, -1])
def test_a_threshold_is_a_share(threshold):
    with pytest.raises(InlayError, match="threshold must lie between 0 and 1"):
        check_threshold(threshold)
