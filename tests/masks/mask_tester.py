"""What every family of generated holes has to do. A new one gets all of it in three lines."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from inlay.errors import InlayError
from inlay.randomness import RngStream, generator

DRAWS = 12

any_size = st.tuples(st.integers(16, 300), st.integers(16, 300))
a_share, an_index = st.floats(0, 1), st.integers(0, 2**32)
inherited = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors])


def address(index=0):
    return generator(7, RngStream.TRAIN_MASK, epoch=3, index=index)


def range_of(fewest, most, area):
    """A ratio that exactly the numbers of pixels from ``fewest`` to ``most`` meet."""
    return (fewest - 0.5) / area, min(1.0, (most + 0.5) / area)


def tight_range_of(fewest, most, area):
    """The same, but its ends are the very shares of these numbers, which no rounding may lose."""
    low = fewest / area if fewest < area else (area - 0.5) / area
    return low, most / area if most > fewest else min(1.0, (most + 0.5) / area)


class RatioTester:
    """A family that can be asked for a hole ratio."""

    family: type

    @pytest.mark.parametrize("size", [(32, 32), (64, 97), (97, 64), (17, 31), (256, 256)])
    @pytest.mark.parametrize("ratio", [None, (0.1, 0.4)])
    def test_is_a_bool_picture_of_the_asked_for_size(self, size, ratio):
        mask = self.family(ratio=ratio)(*size, address())
        assert (mask.shape, mask.dtype) == (size, np.bool_)
        assert set(np.unique(mask.view(np.uint8))) == {0, 1}

    @pytest.mark.parametrize("ratio", [None, (0.1, 0.4)])
    def test_depends_on_the_address_and_neither_earlier_calls_nor_global_generators(self, ratio):
        before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
        family = self.family(ratio=ratio)
        first = self.family(ratio=ratio)(64, 97, address(5)).copy()
        for index in range(3):
            family(32, 40 + index, address(index))
        assert np.array_equal(family(64, 97, address(5)), first)
        after = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
        np.testing.assert_equal(before, after)

    @inherited
    @given(any_size, a_share, st.one_of(st.just(0), a_share), an_index, st.sampled_from([range_of, tight_range_of]))
    def test_meets_any_ratio_that_a_number_of_pixels_meets(self, size, fewest, width, index, limits):
        area = size[0] * size[1]
        fewest = 1 + round(fewest**2 * (area - 1))
        most = min(area, fewest + 1 + round(width * (area - fewest))) if width else fewest
        low, high = limits(fewest, most, area)
        mask = self.family(ratio=(low, high))(*size, address(index))
        assert fewest <= np.count_nonzero(mask) <= most
        assert low <= mask.mean() <= high

    @settings(inherited, max_examples=15)
    @given(size=any_size, below=a_share)
    def test_refuses_any_ratio_that_no_number_of_pixels_meets(self, size, below):
        area = size[0] * size[1]
        below = round(below * (area - 1))
        with pytest.raises(InlayError, match=r"could not be met on .* pixels: no whole number of pixels"):
            self.family(ratio=((below + 0.3) / area, (below + 0.7) / area))(*size, address())

    def test_varies_with_the_index_and_spreads_over_the_ratio(self):
        family = self.family(ratio=(0.1, 0.6))
        masks = [family(64, 64, address(index)) for index in range(60)]
        assert len({mask.tobytes() for mask in masks}) > 30
        ratios = [mask.mean() for mask in masks]
        assert 0.1 <= min(ratios) < 0.25
        assert 0.45 < max(ratios) <= 0.6

    @pytest.mark.parametrize("ratio", [(0.0, 0.1), (0.4, 0.1), (0.2, 0.2), (0.5, 1.1), (-0.1, 0.2)])
    def test_names_a_bad_ratio(self, ratio):
        with pytest.raises(InlayError, match=r"masks\.ratio must be \[low, high\]"):
            self.family(ratio=ratio)

    def test_takes_the_lists_of_a_configuration(self):
        # OmegaConf's lists take longer to read than a stroke takes to paint.
        family = self.family(ratio=OmegaConf.create([0.2, 0.3]))
        assert type(family.ratio) is tuple
        assert family == self.family(ratio=(0.2, 0.3))


class MaskTester(RatioTester):
    """A family that is painted: it can be asked for a border too."""

    @pytest.mark.parametrize("ratio", [None, (0.3, 0.4)])
    @pytest.mark.parametrize("size", [(64, 97), (97, 64)])
    def test_leaves_the_border_untouched_and_nothing_more(self, size, ratio):
        family, margin = self.family(ratio=ratio, border=0.1), round(0.1 * 64)
        union = np.any([family(*size, address(index)) for index in range(100)], axis=0)
        rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
        assert (rows[0], rows[-1] + 1) == (margin, size[0] - margin)
        assert (columns[0], columns[-1] + 1) == (margin, size[1] - margin)

    @inherited
    @given(any_size, st.floats(0, 0.45), a_share, an_index)
    def test_meets_the_ratio_inside_any_border(self, size, border, share, index):
        margin = round(border * min(size))
        inside = np.zeros(size, np.bool_)
        inside[margin : size[0] - margin, margin : size[1] - margin] = True
        pixels = 1 + round(share * (np.count_nonzero(inside) - 1))
        mask = self.family(ratio=range_of(pixels, pixels, inside.size), border=border)(*size, address(index))
        assert np.count_nonzero(mask) == pixels
        assert not (mask & ~inside).any()

    @pytest.mark.stranger("17.C.5")
    @pytest.mark.parametrize("ratio", [(0.01, 0.1), (0.1, 0.5)])
    def test_a_uniform_spread_is_uniform_over_the_range_and_needs_one(self, ratio):
        family = self.family(ratio=ratio, spread="uniform")
        ratios = np.sort([family(64, 64, address(index)).mean() for index in range(80)])
        places = (ratios - ratio[0]) / (ratio[1] - ratio[0])
        assert 0 <= places[0] <= places[-1] <= 1
        assert np.abs(places - (np.arange(80) + 0.5) / 80).max() < 0.15  # Kolmogorov and Smirnov, at 5 %
        with pytest.raises(InlayError, match=r"spread=uniform .* masks\.ratio, which is null\. .* masks\.spread"):
            self.family(spread="uniform")
        with pytest.raises(InlayError, match=r"masks\.spread must be natural or uniform; got 'even'"):
            self.family(spread="even")

    def test_refuses_a_bad_border_or_one_that_leaves_no_room_and_a_count_of_none(self):
        for border in (-0.1, 0.5, 1.0):
            with pytest.raises(InlayError, match=rf"masks\.border must lie in \[0, 0\.5\).*got {border}"):
                self.family(border=border)
        with pytest.raises(InlayError, match=r"masks\.ratio asks for 50%.* but masks\.border=0\.25 leaves 25%"):
            self.family(ratio=(0.5, 0.6), border=0.25)(64, 64, address())
        with pytest.raises(InlayError, match=r"masks\.border=0\.49 leaves nothing of 20x16 pixels"):
            self.family(border=0.49)(16, 20, address())
        with pytest.raises(InlayError, match=r"masks\.count must be .* 1 <= low.*got \[0, 3\]"):
            self.family(count=(0, 3))

    def test_paints_as_many_as_are_asked_for(self):
        families = self.family(count=(1, 1)), self.family(count=(9, 9))
        one, many = (np.mean([each(64, 64, address(index)).mean() for index in range(20)]) for each in families)
        assert many > 2 * one
