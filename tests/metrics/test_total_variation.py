"""By hand, and by a slow way of counting lines."""

import itertools

import numpy as np
import pytest
import torch

from inlay.metrics import FillResult, Smoothness
from tests.metrics.test_base import answers, values_of


def of(rows, holes, truth=None):
    """Columns of one picture, gray, from its pixels."""
    filled, mask = torch.tensor(rows, dtype=torch.float64), torch.tensor(holes, dtype=torch.float64)
    image = filled if truth is None else torch.tensor(truth, dtype=torch.float64)
    answer = FillResult(filled.expand(1, 3, -1, -1), image.expand(1, 3, -1, -1), mask[None, None])
    return {name: column.item() for name, column in Smoothness()(answer).items()}


def slowly(filled, image, mask):
    """The same of one picture, ``(H, W, 3)``, pair by pair and line by line."""
    pairs, breaks, steps = [], [], [[], []]
    turned = np.swapaxes(filled, 0, 1), np.swapaxes(image, 0, 1), mask.T
    for axis, (f, i, m) in enumerate([(filled, image, mask), turned]):
        height, width = m.shape
        for row, column in itertools.product(range(height), range(width - 1)):
            step = np.abs(f[row, column + 1] - f[row, column])
            steps[axis].append(step)
            if m[row, column] and m[row, column + 1]:
                pairs.append(step)
        for row, column in itertools.product(range(height), range(width - 3)):
            if m[row, column + 1] != m[row, column + 2]:
                jumps = []
                for x in (f, i):
                    a, b, c, d = x[row, column : column + 4]
                    jumps.append((c - b) - ((b - a) + (d - c)) / 2)
                breaks.append(np.abs(jumps[0] - jumps[1]))
    return {
        "tv": np.mean(steps[0]) + np.mean(steps[1]),
        "tv_hole": 2 * np.mean(pairs),
        "hole_pairs": len(pairs),
        "boundary_error": np.mean(breaks),
        "edge_lines": len(breaks),
    }


def test_equals_slow_counting():
    answer = answers(2, 24, 31)
    found = Smoothness()(answer)
    for i in range(2):
        filled, image = (x[i].permute(1, 2, 0).numpy() for x in (answer.filled, answer.image))
        for name, value in slowly(filled, image, answer.mask[i, 0].numpy() == 1).items():
            assert found[name][i].item() == pytest.approx(value, rel=1e-12)


def test_total_variation_of_a_step():
    found = of([[0, 0, 1, 1]] * 3, [[0, 0, 0, 0]] * 3)
    assert found["tv"] == pytest.approx(1 / 3)  # one of three steps to the right, none downward
    found = of([[0, 1, 0], [1, 0, 1], [0, 1, 0]], [[1] * 3] * 3)
    assert found["tv"] == found["tv_hole"] == 2  # a chessboard has the most


def test_total_variation_of_the_hole_takes_pairs_of_hole_pixels_alone():
    rows = [[0.0, 0.5, 0.7, 0.1], [0.9, 0.6, 0.2, 0.3], [0.4, 0.8, 0.5, 0.0]]
    holes = [[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    found = of(rows, holes)
    assert found["hole_pairs"] == 2
    assert found["tv_hole"] == pytest.approx(2 * (0.2 + 0.1) / 2)


def test_a_hole_of_single_pixels_has_no_pairs():
    found = of([[0.0] * 5] * 5, [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]] * 2 + [[0] * 5])
    assert found["hole_pairs"] == 0
    assert np.isnan(found["tv_hole"])


def test_boundary_error_of_a_seam():
    holes = [[0, 0, 0, 1, 1, 1, 1, 0, 0, 0]] * 3
    truth = [[0.5] * 10] * 3
    found = of([[0.5] * 3 + [0.9] * 4 + [0.5] * 3] * 3, holes, truth)
    assert found["edge_lines"] == 2 * 3
    assert found["boundary_error"] == pytest.approx(0.4)  # the seam is 0.4 high, and flat on both sides
    slope = [[0.5] * 3 + [0.6, 0.7, 0.7, 0.6] + [0.5] * 3] * 3
    assert of(slope, holes, truth)["boundary_error"] == pytest.approx(0.05)  # 0.1 - (0 + 0.1) / 2


def test_boundary_error_is_none_where_the_truth_itself_has_an_edge():
    rows = [[0.1] * 5 + [0.9] * 5] * 4
    holes = [[0] * 5 + [1] * 5] * 4
    found = of(rows, holes)
    assert (found["edge_lines"], found["boundary_error"]) == (4, 0)
    blurred = [[0.1] * 5 + [0.3] + [0.9] * 4] * 4
    assert of(blurred, holes, rows)["boundary_error"] > 0.5


def test_edges_less_than_two_pixels_from_the_rim_have_no_line():
    found = of([[0.0] * 4] * 4, [[1, 0, 0, 0]] * 4)
    assert found["edge_lines"] == 0
    assert np.isnan(found["boundary_error"])


def test_boundary_error_of_the_truth_is_zero_and_of_a_fill_is_not():
    answer = answers(3, 40, 44)
    assert values_of(Smoothness(), answer)["boundary_error"] > 0.01
    assert values_of(Smoothness(), answer._replace(filled=answer.image))["boundary_error"] == 0


def test_brightness_and_the_side_that_is_hole_do_not_matter_to_the_seam():
    answer = answers(2, 40, 44)
    expected = Smoothness()(answer)["boundary_error"]
    darker = Smoothness()(answer._replace(filled=answer.filled / 2 + 0.1, image=answer.image / 2 + 0.1))
    torch.testing.assert_close(darker["boundary_error"], expected / 2, rtol=1e-10, atol=0)
    inverse = Smoothness()(answer._replace(mask=1 - answer.mask))
    torch.testing.assert_close(inverse["boundary_error"], expected, rtol=1e-12, atol=0)


def test_means_weigh_pairs_and_lines():
    answer = answers(3, 24, 31)
    parts = [
        slowly(*(x[i].permute(1, 2, 0).numpy() for x in answer[:2]), answer.mask[i, 0].numpy() == 1) for i in range(3)
    ]
    found = values_of(Smoothness(), answer)
    for name, weight in (("tv_hole", "hole_pairs"), ("boundary_error", "edge_lines")):
        total = sum(part[name] * part[weight] for part in parts) / sum(part[weight] for part in parts)
        assert found[name] == pytest.approx(total, rel=1e-12)
    assert found["tv"] == pytest.approx(np.mean([part["tv"] for part in parts]), rel=1e-12)
