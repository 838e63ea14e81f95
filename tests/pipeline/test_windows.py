from itertools import pairwise

import numpy as np
import pytest

from inlay.pipeline.windows import Window, boxes_of, grid


def disks(size, *disks):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.logical_or.reduce([(rows - y) ** 2 + (columns - x) ** 2 < r * r for y, x, r in disks])


def test_a_window_grows_or_is_stretched_around_its_middle_and_stays_inside():
    assert Window(5, 10, 20, 30).grown(8, (40, 45)) == Window(0, 2, 33, 43)
    for given, side, expected in (
        ((40, 40, 10, 20), 32, (29, 34, 32, 32)),
        ((0, 90, 10, 10), 32, (0, 68, 32, 32)),
        ((40, 40, 50, 10), 32, (40, 29, 50, 32)),
        ((40, 40, 10, 10), 300, (0, 0, 100, 100)),
    ):
        assert Window(*given).at_least(side, (100, 100)) == Window(*expected)


class TestBoxes:
    def test_apart_are_apart_and_those_that_fit_together_share_a_window(self):
        hole = disks((400, 600), (50, 50, 10), (90, 80, 10), (300, 500, 20))
        assert boxes_of(hole, 64) == [Window(41, 41, 59, 49), Window(281, 481, 39, 39)]
        apart = [Window(41, 41, 19, 19), Window(81, 71, 19, 19), Window(281, 481, 39, 39)]
        assert boxes_of(hole, 0) == apart

    def test_that_meet_become_one_and_of_many_speckles_are_few(self, rng):
        hole = np.zeros((100, 100), bool)
        hole[10:60, 10] = hole[10, 10:60] = True  # an L around
        hole[30:40, 30:40] = True
        assert boxes_of(hole, 0) == [Window(10, 10, 50, 50)]
        assert len(boxes_of(rng.random((1000, 1000)) < 0.01, 0)) <= 256

    @pytest.mark.parametrize("size", [(3000, 40), (50, 2500), (1100, 1100)])
    def test_of_large_pictures_hold_all_of_the_hole_and_are_tight(self, size, rng):
        hole = rng.random(size) < 0.0005
        hole[0, 0] = hole[-1, -1] = True
        covered = np.zeros(size, int)
        for box in boxes_of(hole, 16):
            covered[box.slices] += 1
            part = hole[box.slices]
            assert all(edge.any() for edge in (part[0], part[-1], part[:, 0], part[:, -1]))
        assert covered.max() == 1
        assert (covered[hole] == 1).all()


@pytest.mark.parametrize("size", [(64, 64), (65, 200), (30, 100), (63, 65), (1000, 64)])
@pytest.mark.parametrize("overlap", [0, 16])
def test_a_grid_covers_everything_and_overlaps(size, overlap):
    rows = list(grid(size, 64, overlap))
    covered = np.zeros(size, int)
    for row in rows:
        for window in row:
            covered[window.slices] += 1
            assert (window.height, window.width) == (min(64, size[0]), min(64, size[1]))
        for left, right in pairwise(row):
            assert left.left + left.width - right.left >= overlap
    assert covered.min() >= 1
