from fractions import Fraction

import pytest
import torch

from inlay.buckets import ALL, BUCKETS, NAMES, OUTSIDE, PERCENTS, bucket, in_order, place


def test_buckets_are_those_of_the_literature():
    holes = [0, 90, 100, 999, 1000, 3000, 5999, 6000, 6010, 10000]
    expected = ["outside", "outside", "1-10", "1-10", "10-20", "30-40", "50-60", "50-60", "outside", "outside"]
    assert [bucket(hole, 10000) for hole in holes] == expected
    assert NAMES == ("1-10", "10-20", "20-30", "30-40", "40-50", "50-60")
    assert BUCKETS == ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))


def by_fractions(hole, pixels):
    ratio, edges = Fraction(hole, pixels), [Fraction(percent, 100) for percent in PERCENTS]
    inside = zip(NAMES, edges, edges[1:], strict=False)
    return next((n for n, low, high in inside if low <= ratio < high or ratio == high == edges[-1]), OUTSIDE)


@pytest.mark.stranger("17.C.4")
@pytest.mark.parametrize("pixels", [2048 * 2048, 100, 250 * 250, 999 * 1000, 99 * 101, 2**26 + 2])
def test_every_count_of_pixels_at_an_edge_is_in_its_bucket(pixels):
    """Of 2048 x 2048 pixels 419,430 are less than a tenth, though six decimals say 0.100000."""
    holes = [percent * pixels // 100 + more for percent in PERCENTS for more in range(-3, 4)]
    expected = [by_fractions(hole, pixels) for hole in holes]
    assert [bucket(hole, pixels) for hole in holes] == expected
    assert [(OUTSIDE, *NAMES, OUTSIDE)[n] for n in place(torch.tensor(holes), pixels).tolist()] == expected


def test_in_order_is_from_small_holes_to_large():
    assert in_order([ALL, "50-60", OUTSIDE, "1-10", "20-30"]) == ["1-10", "20-30", "50-60", OUTSIDE, ALL]
    assert in_order([]) == []
