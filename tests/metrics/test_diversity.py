from itertools import combinations
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


def test_distances_are_means_over_pairs_l1_in_the_hole_and_lpips_of_whole_pictures():
    given = result(3)
    columns, lpips = (metric(given) for metric in METRICS)
    for row in range(3):
        hole, pairs = (
            given.mask[row, 0].numpy() > 0.5,
            [*combinations([each[row].numpy() for each in given.samples], 2)],
        )
        assert columns["hole_pixels"][row] == hole.sum()
        l1 = np.mean([np.abs(one - other)[:, hole].mean() for one, other in pairs])
        assert columns["diversity_l1_hole"][row].item() == pytest.approx(l1, rel=1e-12)
        squares = np.mean([np.square(one - other).mean() for one, other in pairs])
        assert lpips["diversity_lpips"][row].item() == pytest.approx(squares, rel=1e-12)


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
