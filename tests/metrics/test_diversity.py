from types import SimpleNamespace

import numpy as np
import pytest
import torch

from inlay.metrics.base import FillResult
from inlay.metrics.diversity import Diversity


class Distance(SimpleNamespace):
    """Stands in for LPIPS."""

    least_side = 8

    def distance(self, a, b):
        return (a - b).square().mean((1, 2, 3))


def answer(count, batch=3, side=8):
    mask = (torch.rand(batch, 1, side, side) < 0.4).double()
    image = torch.rand(batch, 3, side, side, dtype=torch.float64)
    samples = [torch.where(mask > 0.5, torch.rand_like(image), image) for _ in range(count)]
    return FillResult(torch.rand_like(image), image, mask, samples=samples)


def test_l1_is_the_mean_over_pairs_in_the_hole():
    given = answer(3)
    columns = Diversity()(given)
    for row in range(3):
        hole = given.mask[row, 0].numpy() > 0.5
        one, two, three = (sample[row].numpy()[:, hole] for sample in given.samples)
        expected = np.mean([np.abs(one - two).mean(), np.abs(one - three).mean(), np.abs(two - three).mean()])
        assert columns["diversity_l1_hole"][row].item() == pytest.approx(expected, rel=1e-12)
        assert columns["hole_pixels"][row] == hole.sum()


def test_lpips_is_the_mean_over_pairs_of_whole_pictures():
    given = answer(3)
    found = Diversity(Distance())(given)["diversity_lpips"]
    one, two, three = (sample.numpy() for sample in given.samples)
    expected = sum(np.square(a - b).mean((1, 2, 3)) for a, b in ((one, two), (one, three), (two, three))) / 3
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("lpips", [None, Distance()], ids=["l1", "lpips"])
def test_metrics_name_the_columns(lpips):
    measure, columns = Diversity(lpips), Diversity(lpips)(answer(2))
    assert [metric.name for metric in measure.metrics] == ["diversity_l1_hole", "diversity_lpips"][: 1 + bool(lpips)]
    assert {c for metric in measure.metrics for c in (metric.of, metric.weight) if c} == set(columns)
    assert all(column.shape == (3,) for column in columns.values())


@pytest.mark.parametrize("count", [0, 1])
def test_a_single_sample_has_none(count):
    assert Diversity(Distance())(answer(count)) == {}


def test_equal_samples_are_not_diverse():
    given = answer(1)
    columns = Diversity(Distance())(given._replace(samples=[given.samples[0]] * 4))
    assert columns["diversity_l1_hole"].tolist() == columns["diversity_lpips"].tolist() == [0, 0, 0]


def test_no_hole_is_nan_and_weighs_nothing():
    given = answer(2)
    columns = Diversity()(given._replace(mask=torch.zeros_like(given.mask)))
    assert columns["diversity_l1_hole"].isnan().all()
    assert columns["hole_pixels"].tolist() == [0, 0, 0]


def test_pictures_that_lpips_does_not_take_have_the_l1_alone():
    assert set(Diversity(Distance())(answer(2, side=7))) == {"diversity_l1_hole", "hole_pixels"}
