from types import SimpleNamespace

import numpy as np
import pytest
import torch

from inlay.metrics import Diversity, DiversityLPIPS, FillResult


class Distance(SimpleNamespace):
    """Stands in for LPIPS."""

    min_side = 8

    def distance(self, a, b):
        return (a - b).square().mean((1, 2, 3))


METRICS = [Diversity(), DiversityLPIPS(Distance())]


def result(count, batch=3, side=8):
    mask = (torch.rand(batch, 1, side, side) < 0.4).double()
    image = torch.rand(batch, 3, side, side, dtype=torch.float64)
    samples = [torch.where(mask > 0.5, torch.rand_like(image), image) for _ in range(count)]
    return FillResult(torch.rand_like(image), mask, samples=samples)


def test_l1_is_the_mean_over_pairs_in_the_hole():
    given = result(3)
    columns = Diversity()(given)
    for row in range(3):
        hole = given.mask[row, 0].numpy() > 0.5
        one, two, three = (sample[row].numpy()[:, hole] for sample in given.samples)
        expected = np.mean([np.abs(one - two).mean(), np.abs(one - three).mean(), np.abs(two - three).mean()])
        assert columns["diversity_l1_hole"][row].item() == pytest.approx(expected, rel=1e-12)
        assert columns["hole_pixels"][row] == hole.sum()


def test_lpips_is_the_mean_over_pairs_of_whole_pictures():
    given = result(3)
    found = METRICS[1](given)["diversity_lpips"]
    one, two, three = (sample.numpy() for sample in given.samples)
    expected = sum(np.square(a - b).mean((1, 2, 3)) for a, b in ((one, two), (one, three), (two, three))) / 3
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_columns(metric):
    columns = metric(result(2))
    assert {name for spec in metric.specs for name in (spec.column, spec.weight) if name} == set(columns)
    assert all(column.shape == (3,) for column in columns.values())
    assert metric(result(0)) == metric(result(1)) == {}
    equal = result(1)
    equal = metric(equal._replace(samples=equal.samples * 4))
    assert equal[metric.specs[0].name].tolist() == [0, 0, 0]


def test_without_a_hole_and_in_small_pictures():
    given = result(2)
    columns = Diversity()(given._replace(mask=torch.zeros_like(given.mask)))
    assert columns["diversity_l1_hole"].isnan().all()
    assert columns["hole_pixels"].tolist() == [0, 0, 0]
    assert METRICS[1](result(2, side=7)) == {}
