import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from inlay.errors import InlayError, NoHole
from inlay.masks.ratio import fit, fit_pixels, hole_pixels
from tests.masks.contexts import rectangle
from tests.masks.mask_tester import range_of

shares = st.one_of(st.floats(1e-4, 1), st.integers(1, 100).map(lambda percent: percent / 100))


def distance_to_edge(mask):
    """Signed and Euclidean, negative in the hole; by SciPy."""
    return ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)


@pytest.fixture
def blobs(rng):
    """A ragged mask in several pieces."""
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
        fitted, distance = fit_pixels(blobs, pixels), distance_to_edge(blobs)
        assert np.count_nonzero(fitted) == pixels
        assert distance[fitted].max() <= distance[~fitted].min() + 1e-3

    def test_the_frame_of_the_picture_is_no_edge(self):
        fitted = fit_pixels(rectangle((40, 60), 0, 40, 0, 30), 40 * 12)
        assert np.array_equal(fitted, rectangle((40, 60), 0, 40, 0, 12))

    def test_ties_are_broken_row_by_row(self):
        fitted = fit_pixels(rectangle((10, 10), 0, 10, 0, 5), 53)  # three more of the ten of the next column
        expected = rectangle((10, 10), 0, 10, 0, 5)
        expected[:3, 5] = True
        assert np.array_equal(fitted, expected)
