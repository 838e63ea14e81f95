"""Pooled means and the bootstrap, against sums by hand and against what theory says of intervals."""

import numpy as np
import pytest

from inlay.evaluation.statistics import draws, estimates, interval, sums
from inlay.metrics import MetricSpec

L1 = MetricSpec("l1", "lower")
HOLE = MetricSpec("l1_hole", "lower", weight="hole_pixels")
PSNR = MetricSpec("psnr", "higher", column="mse", weight="hole_pixels", decibel=True)
METRICS = [L1, HOLE, PSNR]


def row(picture, l1=0.0, hole=0.0, mse=0.0, pixels=1.0):
    return {"picture": picture, "l1": l1, "l1_hole": hole, "mse": mse, "hole_pixels": pixels}


def noise(pictures, rng, holes=1):
    return [
        row(picture, rng.normal(5, 2), rng.uniform(), rng.uniform(0.01, 0.1), float(rng.integers(1, 100)))
        for picture in range(pictures)
        for _ in range(holes)
    ]


def measured(rows, metrics=METRICS, resamples=1000, seed=0, bucket=0):
    pictures = sorted({row["picture"] for row in rows})
    return estimates(sums(rows, metrics, pictures), metrics, draws(len(pictures), resamples, seed, bucket))


def column(rows, name):
    return np.array([row[name] for row in rows])


def pooled(rows):
    weights = column(rows, "hole_pixels")
    hole, mse = (np.average(column(rows, name), weights=weights) for name in ("l1_hole", "mse"))
    return [column(rows, "l1").mean(), hole, -10 * np.log10(mse)]


def test_sums_by_hand_in_which_what_was_not_measured_and_a_column_that_is_not_there_count_nothing():
    rows = [row(7, l1=1, hole=2, pixels=10), row(4, l1=3, hole=4, pixels=5), row(7, l1=5, hole=6, pixels=1)]
    found = sums(rows, [L1, HOLE], [4, 7, 9])
    assert [each.tolist() for each in found] == [[[3, 20], [6, 26], [0, 0]], [[1, 5], [2, 11], [0, 0]]]
    for nothing in (None, float("nan")):
        rows = [row(0, hole=nothing, pixels=0), row(0, l1=nothing, hole=3, pixels=4), row(1, l1=nothing, hole=nothing)]
        found = sums(rows, [L1, HOLE], [0, 1])
        assert [each.tolist() for each in found] == [[[0, 12], [0, 0]], [[1, 4], [0, 0]]]
    found = sums([{"picture": 0, "hole_pixels": 3.0}, row(1, l1=2, hole=5, pixels=7)], [L1, HOLE], [0, 1])
    assert [each.tolist() for each in found] == [[[0, 0], [2, 35]], [[0, 0], [1, 7]]]


def test_psnr_is_of_the_pooled_error_and_no_mean_of_logarithms():
    rows = [row(0, mse=0.0, pixels=1), row(1, mse=0.02, pixels=1)]
    assert measured(rows, [PSNR]).values[0] == pytest.approx(20)  # a perfect picture does not make it infinite
    assert measured([row(0), row(1)], [PSNR]).values[0] == np.inf
    nothing = measured([row(0, l1=None), row(1, l1=None)])
    assert np.isnan([nothing.values[0], *nothing.resampled[:, 0]]).all()


def test_every_resample_has_as_many_pictures_and_an_address():
    counts = draws(9, 200, seed=0, bucket=0)
    assert counts.shape == (200, 9)
    assert ((counts.sum(1) == 9) & (counts >= 0).all(1)).all()
    assert len({tuple(count) for count in counts.tolist()}) > 150
    assert abs(counts.mean(0) - 1).max() < 0.3  # four standard errors: each has a variance of 8 / 9 over 200
    one, same = draws(9, 20, seed=0, bucket=1), draws(9, 50, seed=0, bucket=1)[:20]
    assert np.array_equal(one, same)
    assert not any(np.array_equal(one, draws(9, 20, seed, bucket)) for seed, bucket in ((1, 1), (0, 2)))


def test_values_are_pooled_and_resamples_over_the_drawn_pictures(rng):
    rows = noise(6, rng, holes=2)
    np.testing.assert_allclose(measured(rows).values, pooled(rows), rtol=1e-12)
    counts = draws(6, 120, seed=3, bucket=0)  # more than are computed at once
    found = estimates(sums(rows, METRICS, range(6)), METRICS, counts)
    for number in (0, 49, 50, 119):
        drawn = [row for row in rows for _ in range(int(counts[number, row["picture"]]))]
        np.testing.assert_allclose(found.resampled[number], pooled(drawn), rtol=1e-12)


def test_holes_of_a_picture_stay_together_and_add_no_certainty(rng):
    # Each picture's holes are 0 and 2: resampling holes would give a spread, resampling pictures gives none.
    rows = [row(picture, l1=l1) for picture in range(10) for l1 in (0.0, 2.0)]
    assert (measured(rows, [L1]).resampled == 1).all()
    once = noise(50, rng)
    one, ten = (measured(rows, [L1]).resampled[:, 0] for rows in (once, once * 10))
    np.testing.assert_allclose(one, ten, rtol=1e-12)


def test_the_interval_is_as_wide_as_the_standard_error_says(rng):
    rows = noise(2000, rng)
    found, values = measured(rows), column(rows, "l1")
    low, high = interval(found.resampled[:, 0])
    reach = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert (high - low) / 2 == pytest.approx(reach, rel=0.15)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.2 * reach)


def test_the_interval_holds_the_truth_about_as_often_as_it_says(rng):
    held = 0
    for trial in range(200):
        low, high = interval(measured(noise(60, rng), [L1], 200, seed=trial).resampled[:, 0])
        held += low <= 5 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_two_that_differ_by_a_constant_differ_surely(rng):
    rows = noise(40, rng, holes=2)
    shifted = [one | {"l1": one["l1"] + 0.125, "l1_hole": one["l1_hole"] - 0.5} for one in rows]
    a, b = measured(shifted).resampled, measured(rows).resampled
    assert interval(a[:, 0] - b[:, 0]) == pytest.approx((0.125, 0.125), rel=1e-9)
    assert interval(a[:, 1] - b[:, 1]) == pytest.approx((-0.5, -0.5), rel=1e-9)
    assert np.ptp(a[:, 0]) > 0.5, "each by itself is not sure at all"


def test_the_interval_leaves_2_5_percent_on_either_side_and_what_is_not_finite_aside():
    assert interval(np.arange(1001.0)[::-1]) == pytest.approx((25, 975))
    assert interval(np.array([np.inf, 1.0, np.nan, 1.0, -np.inf])) == (1, 1)
    assert np.isnan(interval(np.array([np.nan, np.inf]))).all()
