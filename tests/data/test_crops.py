"""What a sample shows of a picture, held against slicing and resizing by hand."""

import cv2
import numpy as np
import pytest

from inlay.data.crops import WHOLE, CropBox, center_crop, hflip, random_crop, shrink, window_around

SIZE = (60, 80)
LEFT_HALF, RIGHT_BOTTOM = (0.0, 0.0, 0.5, 1.0), (0.5, 0.5, 1.0, 1.0)


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def crops(count, scale=(0.2, 0.8), window=WHOLE, size=SIZE):
    rng = np.random.default_rng(1)
    return [random_crop(size, window, scale, rng) for _ in range(count)]


class TestCut:
    crop = CropBox(left=7, top=3, side=40, height=60, width=80)

    def test_is_a_slice_where_nothing_is_resized(self, pixels):
        part = self.crop.cut(pixels, 40)
        assert np.array_equal(part, pixels[3:43, 7:47])
        assert part.flags.c_contiguous
        assert np.array_equal(self.crop.cut_mask(pixels[..., 0] > 99, 40), pixels[3:43, 7:47, 0] > 99)

    def test_is_smaller_by_the_mean_over_areas_and_larger_by_interpolation(self, pixels):
        for size in (20, 10, 8):
            means = pixels[3:43, 7:47].reshape(size, 40 // size, size, 40 // size, 3).mean(axis=(1, 3))
            assert np.abs(self.crop.cut(pixels, size) - means).max() <= 0.5 + 1e-9
        expected = cv2.resize(pixels[3:43, 7:47].copy(), (64, 64), interpolation=cv2.INTER_LINEAR)
        assert np.array_equal(self.crop.cut(pixels, 64), expected)

    def test_leaves_the_picture_alone(self, pixels):
        before = pixels.copy()
        for size in (20, 40, 64):
            self.crop.cut(pixels, size)[:] = 0
            self.crop.cut_mask(pixels[..., 0] > 9, size)[:] = False
        assert np.array_equal(pixels, before)


class TestCutMask:
    """A mask of the whole picture meets the picture wherever both are cut by one crop."""

    @pytest.mark.parametrize("size", [16, 24, 33, 90])
    @pytest.mark.parametrize("resolution", [1, 2, 3, 0.5])
    def test_lies_where_the_picture_lies(self, size, resolution):
        """Seen in a picture of coordinates: what the mask selects is what the picture shows there."""
        y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32) + 0.5
        places = np.stack([y * 3, x * 3, x * 0], axis=2).astype(np.uint8)
        rows, columns = ((np.arange(round(length * resolution)) + 0.5) / resolution for length in SIZE)
        mask = (rows >= 24)[:, None] & (columns >= 38)[None]
        for crop in crops(12):
            hole, shown = crop.cut_mask(mask, size), crop.cut(places, size) / 3
            slack = max(1 / resolution, 1.0) / 2 + 1e-3 + max(crop.side / size, 1) / 2
            assert hole[(shown[..., 0] > 24 + slack) & (shown[..., 1] > 38 + slack)].all()
            assert not hole[(shown[..., 0] < 24 - slack) | (shown[..., 1] < 38 - slack)].any()

    def test_sees_a_fine_mask_as_it_sees_a_coarse_one_and_takes_a_few_pixels(self, rng):
        mask = rng.random(SIZE) < 0.5
        fine = mask.repeat(4, axis=0).repeat(4, axis=1)
        for crop in crops(10):
            assert np.array_equal(crop.cut_mask(fine, 19), crop.cut_mask(mask, 19))
        for crop in crops(20, scale=(0.01, 0.05)):
            assert all(crop.cut_mask(np.ones(shape, np.bool_), 8).all() for shape in ((1, 1), (2, 3), (5, 1)))


class TestRandomFrame:
    def test_has_every_share_of_the_area_equally_often(self):
        shares = np.array([crop.side**2 for crop in crops(4000, (0.2, 0.6), size=(500, 500))]) / 500**2
        assert 0.199 <= shares.min() < 0.21
        assert 0.59 < shares.max() <= 0.601
        counts, _ = np.histogram(shares, bins=4, range=(0.2, 0.6))
        assert np.abs(counts / 4000 - 0.25).max() < 0.03

    def test_lies_everywhere(self):
        drawn = crops(2000, scale=(0.3, 0.3))
        side = drawn[0].side
        assert {crop.left for crop in drawn} == set(range(80 - side + 1))
        assert {crop.top for crop in drawn} == set(range(60 - side + 1))

    @pytest.mark.parametrize("window", [WHOLE, LEFT_HALF, RIGHT_BOTTOM, (0.31, 0.2, 0.77, 0.9)])
    def test_lies_in_its_window(self, window):
        for crop in crops(200, (0.01, 1.0), window):
            assert round(window[0] * 80) <= crop.left <= crop.left + crop.side <= round(window[2] * 80)
            assert round(window[1] * 60) <= crop.top <= crop.top + crop.side <= round(window[3] * 60)

    def test_takes_its_share_of_the_window_and_fits_where_it_asks_for_more(self, rng):
        quarter = crops(50, (0.25, 0.25), (0.0, 0.0, 0.5, 0.5), size=(400, 400))
        assert {crop.side for crop in quarter} == {100}
        assert {crop.side for crop in crops(20, scale=(0.99, 1.0), size=(30, 300))} == {30}
        other = np.random.default_rng(0)
        random_crop(SIZE, WHOLE, (0.1, 1.0), rng)  # costs three draws
        other.random(3)
        assert rng.random() == other.random()


@pytest.mark.parametrize("window", [WHOLE, LEFT_HALF])
@pytest.mark.parametrize("size", [(60, 80), (80, 60), (7, 7)])
def test_the_central_frame_is_the_largest_square_in_the_middle(size, window):
    left, top, side, *of = center_crop(size, window)
    width = round(size[1] * (window[2] - window[0]))
    assert (side, tuple(of)) == (min(size[0], width), size)
    assert abs(2 * left + side - width) <= 1
    assert abs(2 * top + side - size[0]) <= 1


class TestAround:
    def share(self, left, top, right, bottom):
        return left / 80, top / 60, right / 80, bottom / 60

    def test_is_a_square_of_the_longer_side_times_a_scale_and_ends_with_the_picture(self):
        for box, scale, expected in (
            ((30, 20, 50, 30), 1.0, (30, 15, 50, 35)),
            ((30, 20, 50, 30), 1.5, (25, 10, 55, 40)),
            ((60, 0, 80, 10), 2.0, (50, 0, 80, 25)),
        ):
            assert window_around(self.share(*box), SIZE, scale) == pytest.approx(self.share(*expected))
        assert window_around(WHOLE, SIZE, 3.0) == WHOLE
        for empty in ((0.5, 0.5, 0.5, 0.5), (1.0, 0.2, 1.0, 0.4), (0.6, 0.2, 0.4, 0.4), (0.2, 0, 0.4, 0)):
            assert window_around(empty, SIZE, 1.5) == WHOLE

    @pytest.mark.parametrize("box", [(0.999, 0.999, 1.0, 1.0), (0.0, 0.0, 1e-9, 1e-9), (0.5, 0.5, 0.5 + 1e-9, 0.51)])
    def test_a_box_smaller_than_a_pixel_leaves_a_pixel(self, box, pixels):
        window = window_around(box, SIZE, 1.0)
        for crop in (center_crop(SIZE, window), *crops(5, window=window)):
            assert crop.side == 1
            assert crop.cut(pixels, 16).shape == (16, 16, 3)

    @pytest.mark.parametrize("scale", [8, 4, 2])
    def test_is_the_same_part_at_every_scale_of_the_picture(self, scale):
        """A picture may be decoded at a fraction of its size: its samples must show the same."""
        size, small = (480, 640), (480 // scale, 640 // scale)
        box = window_around((0.4, 0.3, 0.6, 0.7), size, 1.5)
        assert window_around((0.4, 0.3, 0.6, 0.7), small, 1.5) == pytest.approx(box)
        for large, little in zip(crops(50, window=box, size=size), crops(50, window=box, size=small), strict=True):
            assert abs(large.left / scale - little.left) <= 1.5
            assert abs(large.top / scale - little.top) <= 1.5
            assert abs(large.side / scale - little.side) <= 1


def test_shrink_stops_at_the_short_side_and_flip_exchanges_left_and_right(pixels):
    for size, expected in (((60, 80), (30, 40)), ((60, 26), (60, 26)), ((30, 80), (30, 80)), ((60, 53), (34, 30))):
        part = pixels[: size[0], : size[1]]
        small = shrink(part, 30)
        assert small.shape == (*expected, 3)
        assert size != expected or np.array_equal(small, part)
    for flat in (pixels, pixels[..., 0], pixels[..., 0] > 99):
        assert np.array_equal(hflip(flat), flat[:, ::-1])
