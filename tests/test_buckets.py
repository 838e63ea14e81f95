import pytest

from inlay.buckets import ALL, BUCKETS, NAMES, OUTSIDE, bucket, in_order


def test_buckets_are_those_of_the_literature():
    ratios = [0.0, 0.009, 0.01, 0.0999, 0.1, 0.3, 0.5999, 0.6, 0.601, 1.0]
    expected = ["outside", "outside", "1-10", "1-10", "10-20", "30-40", "50-60", "50-60", "outside", "outside"]
    assert [bucket(ratio) for ratio in ratios] == expected


def test_names_are_percents():
    assert NAMES == ("1-10", "10-20", "20-30", "30-40", "40-50", "50-60")
    assert len(BUCKETS) == len(NAMES)


@pytest.mark.parametrize(("percent", "name"), [(10, "10-20"), (20, "20-30"), (30, "30-40"), (40, "40-50")])
@pytest.mark.parametrize("side", [10, 100, 250])
def test_a_ratio_on_an_edge_counts_upward_however_it_was_computed(percent, name, side):
    pixels = side * side
    assert bucket(percent * pixels / 100 / pixels) == name
    assert bucket(sum([1 / pixels] * (percent * pixels // 100))) == name  # with the rounding errors of a long sum


def test_in_order_is_from_small_holes_to_large():
    assert in_order([ALL, "50-60", OUTSIDE, "1-10", "20-30"]) == ["1-10", "20-30", "50-60", OUTSIDE, ALL]
    assert in_order([]) == []
