"""Masks that are grown, shrunk, cleaned and fitted, held against SciPy."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from inlay.errors import InlayError, NoHole
from inlay.masks.morphology import dilated, fit, fit_pixels, hole_pixels, kernel_size, opened
from tests.masks.contexts import disc, rectangle
from tests.masks.mask_tester import range_of

shares = st.one_of(st.floats(1e-4, 1), st.integers(1, 100).map(lambda percent: percent / 100))


@pytest.fixture
def blobs(rng):
    return ndimage.gaussian_filter(rng.normal(size=(60, 83)), 4) > 0.06


class TestHolePixels:
    @settings(deadline=None, max_examples=120)
    @given(st.integers(1, 60), st.integers(1, 60), shares, shares)
    def test_are_those_whose_share_lies_in_the_range(self, height, width, low, high):
        assume(low < high)
        of_pixels = np.arange(height * width + 1) / (height * width)
        meeting = np.flatnonzero((low <= of_pixels) & (of_pixels <= high))
        if meeting.size:
            assert hole_pixels((low, high), (height, width)) == (meeting[0], meeting[-1])
        else:
            with pytest.raises(InlayError, match="no whole number of pixels"):
                hole_pixels((low, high), (height, width))

    @pytest.mark.parametrize("side", [10, 50, 256])
    def test_round_numbers_lose_no_pixel_to_rounding(self, side):
        for percent in range(1, 100):  # 0.07 * 100 is 7.000000000000001
            share, pixels = percent / 100, percent * side**2 // 100
            assert hole_pixels((share, 1.0), (side, side))[0] == pixels + (percent * side**2 % 100 > 0)
            assert hole_pixels((share / 2, share), (side, side))[1] == pixels


class TestFit:
    def test_leaves_a_mask_that_meets_it_alone(self, blobs, rng):
        full, empty = np.ones_like(blobs), np.zeros_like(blobs)
        assert fit(blobs, (blobs.mean() - 0.01, blobs.mean() + 0.01), None) is blobs
        assert fit(full, (0.5, 1.0), rng) is full
        assert all(fit(mask, None, None) is mask for mask in (blobs, empty, full))

    @pytest.mark.stranger("17.C.5")
    @pytest.mark.parametrize(("spread", "low", "high"), [("natural", 0.6, 0.8), ("uniform", 0.1, 0.9)])
    def test_draws_the_share_from_the_range(self, blobs, rng, spread, low, high):
        shares = [fit(blobs, (low, high), rng, spread).mean() for _ in range(40)]
        assert min(shares) < low + (high - low) / 8
        assert max(shares) > high - (high - low) / 8

    @pytest.mark.parametrize(("mask", "how"), [(np.zeros((20, 30), bool), "no"), (np.ones((20, 30), bool), "all")])
    def test_finds_no_edge_to_move(self, mask, how, rng):
        with pytest.raises(NoHole, match=f"a mask that is {how} hole has no edge"):
            fit(mask, (0.2, 0.3), rng)

    @settings(deadline=None, max_examples=80)
    @given(
        size=st.tuples(st.integers(16, 200), st.integers(16, 200)),
        hole=st.tuples(*[st.floats(0, 1)] * 4),
        fewest=st.floats(0, 1),
        more=st.sampled_from([0, 0, 1, 50]),
    )
    def test_meets_any_range_from_any_box(self, size, hole, fewest, more):
        edges = [sorted(round(share * size[axis]) for share in hole[2 * axis :][:2]) for axis in (0, 1)]
        mask = rectangle(size, *edges[0], *edges[1])
        assume(mask.any() and not mask.all())
        fewest = 1 + round(fewest * (mask.size - 1))
        most = min(fewest + more, mask.size)
        fitted = fit(mask, range_of(fewest, most, mask.size), np.random.default_rng(0))
        assert fewest <= np.count_nonzero(fitted) <= most


class TestFitPixels:
    @pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.95])
    def test_moves_the_edge_to_a_level_of_the_distance(self, blobs, share):
        pixels = round(share * blobs.size)
        fitted = fit_pixels(blobs, pixels)
        distance = ndimage.distance_transform_edt(~blobs) - ndimage.distance_transform_edt(blobs)
        assert np.count_nonzero(fitted) == pixels
        assert distance[fitted].max() <= distance[~fitted].min() + 1e-3

    def test_takes_the_frame_of_the_picture_for_no_edge_and_breaks_ties_row_by_row(self):
        left = rectangle((10, 15), 0, 10, 0, 5)
        assert np.array_equal(fit_pixels(left, 10 * 3), rectangle((10, 15), 0, 10, 0, 3))
        more = rectangle((10, 15), 0, 3, 5, 6)  # three of the ten of the next column
        assert np.array_equal(fit_pixels(left, 53), left | more)


@pytest.fixture
def speckled(rng):
    return (ndimage.gaussian_filter(rng.normal(size=(100, 120)), 3) > 0.05) | (rng.random((100, 120)) < 0.01)


@pytest.mark.parametrize("side", [16, 100, 513])
def test_kernels_are_odd_and_as_wide_as_asked_for(side):
    for share in np.linspace(0, 0.4, 200):
        size = kernel_size(share, side)
        assert size % 2 == 1
        assert abs(size - max(1, share * side)) <= 1


@pytest.mark.parametrize("size", [5, 9, 21])
def test_grows_by_half_the_kernel(size):
    grown = dilated(disc(101, 20), size / 101)
    distance = ndimage.distance_transform_edt(~disc(101, 20))
    assert grown[distance <= size // 2 - 1].all()
    assert not grown[distance > size // 2 + 1].any()


@pytest.mark.parametrize("size", [3, 7, 15])
@pytest.mark.parametrize(("ours", "reference"), [(dilated, ndimage.binary_dilation), (opened, ndimage.binary_opening)])
def test_agrees_with_scipy(speckled, size, ours, reference):
    side, around = 2 * size + 1, slice(size - size // 2, size + size // 2 + 1)
    kernel = dilated(rectangle((side, side), size, size + 1, size, size + 1), size / side)[around, around]
    inner = np.s_[size:-size, size:-size]  # at the frame of the picture the two differ in what they think lies outside
    assert kernel.shape == (size, size)
    assert np.array_equal(ours(speckled, size / 100)[inner], reference(speckled, kernel)[inner])


def test_cleaning_removes_what_is_thin_and_spares_what_is_not_and_the_frame():
    thick, thin = rectangle((100, 100), 20, 60, 20, 60), rectangle((100, 100), 80, 82, 10, 90)
    cleaned = opened(thick | thin, 0.07)
    assert not (cleaned & thin).any()
    assert (cleaned & thick).sum() > 0.98 * thick.sum()
    half = rectangle((100, 100), 0, 100, 0, 50)
    assert np.array_equal(opened(half, 0.15), half)


def test_nothing_asked_for_changes_nothing(speckled):
    before = speckled.copy()
    for change in (dilated, opened):
        assert np.array_equal(change(speckled, 0.0), before)
        change(speckled, 0.1)
        assert np.array_equal(speckled, before)  # what was given stays as it is
