import re

import numpy as np
import pytest
import torch
from PIL import Image

from inlay.errors import InlayError
from inlay.images import Picture, write_pages, write_picture
from inlay.pipeline import MaskRegion
from inlay.pipeline.masks import to_mask
from tests.images.files import photo
from tests.pictures import half, picture, write_mask

HALF = half(20, 30)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mask.png"


class TestFile:
    @pytest.mark.parametrize(("mask_polarity", "other"), [("white", "black"), ("black", "white")])
    def test_that_is_missing_or_without_hole_or_all_hole_is_refused(self, path, mask_polarity, other):
        with pytest.raises(InlayError, match=re.escape(f"{path}: no such file")):
            to_mask(path, (20, 30))
        write_mask(path, np.full((20, 30), mask_polarity == "black"))
        with pytest.raises(InlayError, match=rf"{path}: no hole .* use mask_polarity={other}"):
            to_mask(path, (20, 30), mask_polarity)
        with pytest.raises(InlayError, match=f"{path}: the whole picture is hole"):
            to_mask(path, (20, 30), other)

    def test_made_smaller_loses_no_line(self, path):
        lines, expected = np.zeros((90, 90), bool), np.zeros((10, 20), bool)
        lines[3] = lines[:, 44] = expected[0] = expected[:, 9] = True
        assert np.array_equal(to_mask(write_mask(path, lines), (10, 20)).mask, expected)

    @pytest.mark.stranger("17.A.8")
    @pytest.mark.parametrize(("dtype", "peak"), [(np.uint8, 255), (np.uint16, 65535)])
    def test_of_zeros_and_ones_is_refused_with_a_remedy(self, path, dtype, peak):
        write_picture(path, Picture(HALF[..., None].astype(dtype)))
        with pytest.raises(InlayError, match=f"value is 1 of {peak}.* Multiply it by {peak}.*threshold="):
            to_mask(path, (20, 30))

    def test_is_taken_as_it_is_or_resized_with_a_note_and_stretched_with_a_warning(self, path):
        mask, *said = to_mask(write_mask(path, HALF), (20, 30))
        assert np.array_equal(mask, HALF)
        assert said == [[], ""]
        mask, warnings, note = to_mask(path, (40, 60))
        assert np.array_equal(mask, half(40, 60))
        assert not warnings
        assert "30x20; resized to the picture's 60x40" in note
        mask, (warning,), _ = to_mask(path, (40, 40))
        assert mask.shape == (40, 40)
        assert warning.startswith(f"{path}: mask and picture differ in aspect ratio")
        assert not to_mask(write_mask(path, half(200, 300)), (201, 300)).warnings

    @pytest.mark.parametrize(("share", "says"), [(0.02, None), (0.5, None), (0.9, "the hole covers 90.0%.*=black")])
    def test_of_an_unusual_share_gets_a_warning(self, path, share, says):
        _, warnings, _ = to_mask(write_mask(path, np.arange(10_000).reshape(100, 100) < share * 10_000), (100, 100))
        assert [bool(re.match(f"{path}: {says}", warning)) for warning in warnings] == ([True] if says else [])

    @pytest.mark.stranger("17.A.2")
    def test_of_several_pages_has_one_for_each(self, tmp_path):
        masks = [HALF, ~HALF, HALF]
        write_pages(tmp_path / "m.tif", [Picture(np.uint8(255) * mask[..., None]) for mask in masks])
        write_pages(tmp_path / "a.tif", [picture()] * 3)
        region = MaskRegion(tmp_path / "m.tif")
        holes = region.holes([picture()] * 3, tmp_path / "a.tif")
        assert [np.array_equal(hole.mask, mask) for hole, mask in zip(holes, masks, strict=True)] == [True] * 3
        (second,) = region.holes([picture()], tmp_path / "a.tif", frame=2)
        assert np.array_equal(second.mask, ~HALF)
        with pytest.raises(InlayError, match="holds 3 masks, and the picture has 2 pages"):
            region.holes([picture()] * 2, None)


class TestForms:
    @pytest.mark.parametrize(
        "mask",
        [
            *(HALF, HALF[..., None], HALF[None], torch.from_numpy(HALF), torch.from_numpy(HALF)[None, None].float()),
            *(HALF.astype(np.uint8), HALF.astype(np.int64), np.uint8(255) * HALF, np.float32(0.7) * HALF),
            HALF * np.uint16(40_000) + np.uint16(20_000),
            *(Image.fromarray(HALF), Image.fromarray(np.uint8(200) * HALF)),
            Image.fromarray(np.repeat(HALF[..., None], 3, 2) * np.uint8(255)),
            *(Image.fromarray(HALF.astype(np.uint8)).convert(mode) for mode in ("F", "I")),
        ],
        ids=lambda mask: f"{type(mask).__name__}-{getattr(mask, 'dtype', getattr(mask, 'mode', ''))}",
    )
    def test_mean_one_mask_and_one_column_has_no_channel(self, mask):
        assert np.array_equal(to_mask(mask, (20, 30)).mask, HALF)
        column = np.arange(20)[:, None] < 5
        for mask in (column, column[None]):
            assert np.array_equal(to_mask(mask, (20, 1)).mask, column)

    @pytest.mark.parametrize(
        ("mask", "says"),
        [
            (np.zeros((20, 30, 3)), r"\(H, W\), got \(20, 30, 3\)"),
            ([[1, 0]], "got list"),
            (np.zeros((20, 30)), "mask: no hole"),
            (np.zeros((0, 0)), r"\(H, W\)"),
            (np.ones((20, 30)), "mask: the whole picture is hole"),
            (half(10, 15), "mask is 10x15 .* image 20x30"),
            (torch.from_numpy(half(40, 60))[None], "mask is 40x60 .* image 20x30"),
            (half(30, 20).astype(float), "mask is 30x20 .* image 20x30"),
        ],
        ids=["colors", "list", "empty", "nothing", "full", "small", "large", "turned"],
    )
    def test_that_mean_nothing_are_refused(self, mask, says):
        with pytest.raises(InlayError, match=says):
            to_mask(mask, (20, 30))


@pytest.mark.stranger("17.A.8")
def test_a_mask_made_before_the_picture_was_turned_is_turned(path):
    stored = half(30, 20)
    for given in (write_mask(path, stored), stored, torch.from_numpy(stored)):
        mask, (warning,), note = to_mask(given, (20, 30), turned=6)
        assert np.array_equal(mask, np.rot90(stored, -1))
        assert "EXIF orientation" in warning
        assert not note
    assert "stretched" in to_mask(path, (20, 30), turned=3).warnings[0]


@pytest.mark.stranger("17.A.8")
def test_a_photograph_needs_a_threshold(path):
    write_picture(path, Picture(photo(60, 80)))
    for given in (path, Image.open(path), photo(60, 80)[..., 0]):
        with pytest.raises(InlayError, match=r"a photograph .* threshold=0\.5"):
            to_mask(given, (60, 80))
        assert 0 < to_mask(given, (60, 80), threshold=0.4).mask.mean() < 1
    for threshold in (0, 1.5, -1):
        with pytest.raises(InlayError, match="threshold must lie between 0 and 1"):
            MaskRegion(HALF, threshold=threshold)
