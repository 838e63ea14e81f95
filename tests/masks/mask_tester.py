"""What every family of generated holes has to do. A new one gets all of it in three lines of ``test_families.py``."""

import random

import numpy as np
import pytest

from inlay.errors import InlayError
from inlay.randomness import Stream, generator

SIZES = [(32, 32), (64, 97), (256, 256)]
BUCKETS = [(0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6)]
DRAWS = 12


def address(index=0):
    return generator(7, Stream.TRAIN_MASK, epoch=3, index=index)


class MaskTester:
    family: type

    @pytest.mark.parametrize("size", [*SIZES, (97, 64), (17, 31)])
    @pytest.mark.parametrize("ratio", [None, (0.1, 0.4)])
    def test_is_a_bool_picture_of_the_asked_for_size(self, size, ratio):
        mask = self.family(ratio=ratio)(*size, address())
        assert (mask.shape, mask.dtype) == (size, np.bool_)
        assert 0 < mask.mean() < 1

    @pytest.mark.parametrize("ratio", [None, (0.1, 0.4)])
    def test_depends_on_the_address_alone(self, ratio):
        first, again = (self.family(ratio=ratio)(64, 97, address(5)) for _ in range(2))
        assert np.array_equal(first, again)

    @pytest.mark.parametrize("ratio", [None, (0.1, 0.4)])
    def test_differs_between_indices(self, ratio):
        family = self.family(ratio=ratio)
        masks = {family(64, 64, address(index)).tobytes() for index in range(DRAWS)}
        assert len(masks) == DRAWS

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize(("low", "high"), BUCKETS)
    def test_meets_the_ratio(self, low, high, size):
        family = self.family(ratio=(low, high))
        ratios = [family(*size, address(index)).mean() for index in range(DRAWS)]
        assert low <= min(ratios) <= max(ratios) <= high

    def test_spreads_over_the_ratio(self):
        family = self.family(ratio=(0.1, 0.6))
        ratios = [family(64, 64, address(index)).mean() for index in range(60)]
        assert min(ratios) < 0.25
        assert max(ratios) > 0.45

    @pytest.mark.parametrize("ratio", [None, (0.3, 0.4)])
    @pytest.mark.parametrize("size", [(64, 97), (97, 64)])
    def test_leaves_the_border_untouched_and_nothing_more(self, size, ratio):
        family, margin = self.family(ratio=ratio, border=0.1), round(0.1 * 64)
        union = np.any([family(*size, address(index)) for index in range(100)], axis=0)
        rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
        assert (rows[0], rows[-1] + 1) == (margin, size[0] - margin)
        assert (columns[0], columns[-1] + 1) == (margin, size[1] - margin)

    @pytest.mark.parametrize("ratio", [(0.0, 0.1), (0.4, 0.1), (0.2, 0.2), (0.5, 1.1), (-0.1, 0.2)])
    def test_names_a_bad_ratio(self, ratio):
        with pytest.raises(InlayError, match=r"masks\.ratio must be \[low, high\]"):
            self.family(ratio=ratio)

    @pytest.mark.parametrize("border", [-0.1, 0.5, 1.0])
    def test_names_a_bad_border(self, border):
        with pytest.raises(InlayError, match=rf"masks\.border must lie in \[0, 0\.5\).*got {border}"):
            self.family(border=border)

    def test_refuses_a_ratio_that_the_border_leaves_no_room_for(self):
        with pytest.raises(InlayError, match=r"masks\.ratio asks for 50%.* but masks\.border=0\.25 leaves 25%"):
            self.family(ratio=(0.5, 0.6), border=0.25)(64, 64, address())

    def test_refuses_a_ratio_between_two_pixels(self):
        with pytest.raises(InlayError, match=r"masks\.ratio=\[0\.001, 0\.0011\] could not be met on 16x16 pixels"):
            self.family(ratio=(0.001, 0.0011))(16, 16, address())

    def test_refuses_a_border_that_leaves_no_pixel(self):
        with pytest.raises(InlayError, match=r"masks\.border=0\.49 leaves nothing of 20x16 pixels"):
            self.family(border=0.49)(16, 20, address())

    def test_leaves_global_generators_alone(self):
        before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
        self.family(ratio=(0.2, 0.4))(64, 64, address())
        after = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
        np.testing.assert_equal(before, after)
