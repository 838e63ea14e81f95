"""Total variation, sharpness and boundary error: by hand, and by a slow way of counting lines."""

import itertools

import numpy as np
import pytest
import torch

from inlay.metrics import BoundaryError, FillResult, Sharpness, TotalVariation, measure
from tests.metrics.test_base import results


def columns_of(result):
    return TotalVariation()(result) | Sharpness()(result) | BoundaryError()(result)


def of(rows, holes, truth=None):
    filled, mask = torch.tensor(rows, dtype=torch.float64), torch.tensor(holes, dtype=torch.float64)
    image = filled if truth is None else torch.tensor(truth, dtype=torch.float64)
    result = FillResult(filled.expand(1, 3, -1, -1), mask[None, None], image.expand(1, 3, -1, -1))
    return {name: column.item() for name, column in columns_of(result).items()}


def slowly(filled, image, mask):
    """The same columns of one picture, ``(H, W, 3)``, pair by pair and line by line."""
    pairs, breaks, steps, energy = [], [], [[], []], np.zeros(2)
    turned = np.swapaxes(filled, 0, 1), np.swapaxes(image, 0, 1), mask.T
    for axis, (f, i, m) in enumerate([(filled, image, mask), turned]):
        height, width = m.shape
        for row, column in itertools.product(range(height), range(width - 1)):
            step = np.abs(f[row, column + 1] - f[row, column])
            steps[axis].append(step)
            if m[row, column] and m[row, column + 1]:
                pairs.append(step)
                energy += [np.sum((x[row, column + 1] - x[row, column]) ** 2) for x in (f, i)]
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
        "sharpness_hole": energy[0] / energy[1],
        "gradient_energy": energy[1],
        "boundary_error": np.mean(breaks),
        "edge_lines": len(breaks),
    }


def test_equals_slow_counting():
    result = results(3, 24, 31)
    pictures = [x.permute(0, 2, 3, 1).numpy() for x in (result.filled, result.image)]
    parts = [slowly(*one, mask[0].numpy() == 1) for *one, mask in zip(*pictures, result.mask, strict=True)]
    columns = columns_of(result)
    for name in parts[0]:
        assert columns[name].tolist() == pytest.approx([part[name] for part in parts], rel=1e-12)
    found = measure(TotalVariation(), result) | measure(Sharpness(), result) | measure(BoundaryError(), result)
    weighted = {"tv_hole": "hole_pairs", "sharpness_hole": "gradient_energy", "boundary_error": "edge_lines"}
    for name, weight in weighted.items():
        weights = [part[weight] for part in parts]
        assert found[name] == pytest.approx(np.average([part[name] for part in parts], weights=weights), rel=1e-12)
    assert found["tv"] == pytest.approx(np.mean([part["tv"] for part in parts]), rel=1e-12)


def test_a_chessboard_has_the_most_and_a_hole_without_pairs_none():
    found = of([[0, 1, 0], [1, 0, 1], [0, 1, 0]], [[1] * 3] * 3)
    assert found["tv"] == found["tv_hole"] == 2
    found = of([[0.0] * 5] * 5, [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]] * 2 + [[0] * 5])
    assert found["hole_pairs"] == 0
    assert np.isnan(found["tv_hole"])


def test_sharpness_of_blur_of_the_original_and_of_a_flat_one():
    rows, holes = [[0.0, 0.4, 0.0, 0.4]] * 3, [[1] * 4] * 3
    blurred = [[0.1, 0.3, 0.1, 0.3]] * 3
    assert of(rows, holes, rows)["sharpness_hole"] == 1
    assert of(blurred, holes, rows)["sharpness_hole"] == pytest.approx(0.25)
    assert np.isnan(of(rows, holes, [[0.5] * 4] * 3)["sharpness_hole"])


def test_boundary_error_of_a_seam():
    holes, truth = [[0, 0, 0, 1, 1, 1, 1, 0, 0, 0]] * 3, [[0.5] * 10] * 3
    found = of([[0.5] * 3 + [0.9] * 4 + [0.5] * 3] * 3, holes, truth)
    assert found["edge_lines"] == 2 * 3
    assert found["boundary_error"] == pytest.approx(0.4)  # the seam is 0.4 high, and flat on both sides
    slope = [[0.5] * 3 + [0.6, 0.7, 0.7, 0.6] + [0.5] * 3] * 3
    assert of(slope, holes, truth)["boundary_error"] == pytest.approx(0.05)  # 0.1 - (0 + 0.1) / 2


def test_an_edge_of_the_truth_is_no_seam_and_edges_near_the_rim_have_no_line():
    rows, holes = [[0.1] * 5 + [0.9] * 5] * 4, [[0] * 5 + [1] * 5] * 4
    found = of(rows, holes)
    assert (found["edge_lines"], found["boundary_error"]) == (4, 0)
    assert of([[0.1] * 5 + [0.3] + [0.9] * 4] * 4, holes, rows)["boundary_error"] > 0.5
    found = of([[0.0] * 4] * 4, [[1, 0, 0, 0]] * 4)
    assert found["edge_lines"] == 0
    assert np.isnan(found["boundary_error"])


def test_brightness_and_the_side_that_is_hole_do_not_matter_to_the_seam():
    result = results(2, 40, 44)
    expected = BoundaryError()(result)["boundary_error"]
    darker = BoundaryError()(result._replace(filled=result.filled / 2 + 0.1, image=result.image / 2 + 0.1))
    torch.testing.assert_close(darker["boundary_error"], expected / 2, rtol=1e-10, atol=0)
    inverse = BoundaryError()(result._replace(mask=1 - result.mask))
    torch.testing.assert_close(inverse["boundary_error"], expected, rtol=1e-12, atol=0)
