import numpy as np
import pytest
from scipy import ndimage

from inlay.errors import InlayError
from inlay.masks import Boxes, Center, Outpaint, Shapes, Strokes
from tests.masks.mask_tester import DRAWS, MaskTester, RatioTester, address


class TestStrokes(MaskTester):
    family = Strokes

    def test_is_as_wide_as_its_brush(self):
        family = Strokes(count=(1, 1), vertices=(1, 1), brush=(0.1, 0.1))  # a dot
        widths = [family(200, 200, address(index)).any(axis=0).sum() for index in range(40)]
        assert abs(np.median(widths) - 20) <= 1  # those at an edge lie partly outside

    def test_is_one_piece_a_stroke(self):
        family = Strokes(count=(1, 1))
        assert all(ndimage.label(family(128, 128, address(index)))[1] == 1 for index in range(DRAWS))

    def test_goes_straight_without_turns(self):
        family = Strokes(count=(1, 1), vertices=(4, 4), length=(0.05, 0.05), brush=(0.01, 0.01), turn=0.0)
        spans = np.array([np.ptp(np.nonzero(family(200, 200, address(index))), axis=1) for index in range(60)])
        assert abs(np.median(np.hypot(*spans.T)) - 30) <= 4  # those that met an edge came back from it
        assert 0.3 < np.mean(spans[:, 0] > spans[:, 1]) < 0.7  # in every direction

    def test_comes_back_from_the_edge(self):
        # What leaves the picture is painted in vain: with one long stroke a mask, half of it would.
        family = Strokes(count=(1, 1), vertices=(4, 4), length=(0.4, 0.4), brush=(0.01, 0.01), turn=0.0)
        assert np.mean([family(200, 200, address(index)).sum() / 2 for index in range(60)]) > 190

    def test_covers_the_corners_as_often_as_the_middle(self):
        often = np.mean([Strokes(ratio=(0.2, 0.3))(64, 64, address(index)) for index in range(300)], axis=0)
        corners = np.mean([often[:16, :16], often[:16, -16:], often[-16:, :16], often[-16:, -16:]])
        assert corners > 0.7 * often[24:40, 24:40].mean()


class TestShapes(MaskTester):
    family = Shapes

    def test_has_lines_circles_and_ellipses(self):
        family = Shapes(count=(1, 1), extent=(0.05, 0.2), thickness=(0.01, 0.01))
        forms = []  # of the box around: how full, of a line small, of a round form pi / 4 or less; and how oblong
        for index in range(90):
            rows, columns = np.nonzero(mask := family(300, 300, address(index)))
            if rows.min() > 0 and rows.max() < 299 and columns.min() > 0 and columns.max() < 299:
                tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
                forms.append((mask.sum() / tall / wide, tall - wide))
        circles = sum(abs(full - np.pi / 4) < 0.03 and difference == 0 for full, difference in forms)
        ellipses = sum(full > 0.4 and difference != 0 for full, difference in forms)
        assert min(circles, ellipses, sum(full < 0.2 for full, _ in forms)) > 5


class TestBoxes(MaskTester):
    family = Boxes

    def test_is_a_single_rectangle_where_one_is_asked_for(self, rng):
        mask = Boxes(count=(1, 1), side=(0.25, 0.5))(64, 64, rng)
        tall, wide = mask.any(axis=1).sum(), mask.any(axis=0).sum()
        assert mask.sum() == tall * wide
        assert 16 <= min(tall, wide) <= max(tall, wide) <= 32


def middle_box(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert mask.sum() == len(rows) * len(columns)
    for there, length in zip((rows, columns), mask.shape, strict=True):
        assert abs(there[0] - (length - 1 - there[-1])) <= 1
    return len(rows), len(columns)


class TestCenter(RatioTester):
    family = Center

    @pytest.mark.parametrize("size", [(64, 64), (65, 97), (33, 48)])
    def test_is_one_box_in_the_middle_and_asks_the_generator_for_nothing(self, size):
        assert middle_box(Center(side=0.5)(*size, None)) == (round(size[0] / 2), round(size[1] / 2))

    @pytest.mark.parametrize("index", range(DRAWS))
    def test_has_the_form_of_the_picture_where_a_ratio_is_asked_for(self, index):
        tall, wide = middle_box(Center(ratio=(0.1, 0.4))(64, 96, address(index)))
        assert abs(wide / tall - 1.5) < 0.15


def strips(mask):
    """Pixels of hole at the left, right, top and bottom of the window that is kept."""
    rows, columns = np.flatnonzero(~mask.all(axis=1)), np.flatnonzero(~mask.all(axis=0))
    return columns[0], mask.shape[1] - 1 - columns[-1], rows[0], mask.shape[0] - 1 - rows[-1]


class TestOutpaint(RatioTester):
    family = Outpaint

    @pytest.mark.parametrize("options", [{}, {"ratio": (0.2, 0.6)}, {"count": (4, 4), "ratio": (0.7, 0.72)}])
    @pytest.mark.parametrize("index", range(DRAWS))
    def test_keeps_one_window(self, index, options):
        mask = Outpaint(**options)(300, 450, address(index))
        left, right, top, bottom = strips(mask)
        assert np.count_nonzero(~mask) == (300 - top - bottom) * (450 - left - right)

    @pytest.mark.parametrize("sides", [["left"], ["top", "bottom"], ["right", "bottom", "left"]])
    @pytest.mark.parametrize("ratio", [None, (0.2, 0.6)])
    def test_hides_the_chosen_sides_alone(self, sides, ratio):
        family = Outpaint(sides=sides, ratio=ratio)
        found = np.any([strips(family(64, 96, address(index))) for index in range(30)], axis=0)
        assert set(np.array(["left", "right", "top", "bottom"])[found]) == set(sides)

    @pytest.mark.parametrize("count", [(1, 1), (2, 3), (4, 4)])
    def test_hides_as_many_sides_as_asked_for(self, count):
        hidden = {np.count_nonzero(strips(Outpaint(count=count)(64, 64, address(index)))) for index in range(40)}
        assert (min(hidden), max(hidden)) == count

    def test_strips_are_as_wide_as_asked_for(self):
        family = Outpaint(count=(4, 4), width=(0.125, 0.25))
        widths = np.array([strips(family(64, 96, address(index))) for index in range(40)])
        assert 12 <= widths[:, :2].min() <= widths[:, :2].max() <= 24
        assert 8 <= widths[:, 2:].min() <= widths[:, 2:].max() <= 16

    def test_ratio_widens_all_strips_alike(self):
        plain, wide = Outpaint(count=(2, 2)), Outpaint(count=(2, 2), ratio=(0.59, 0.6))
        for index in range(DRAWS):
            before, after = (np.array(strips(family(300, 300, address(index)))) for family in (plain, wide))
            assert ((before > 0) == (after > 0)).all()
            quotients = after[after > 0] / before[before > 0]
            assert quotients.max() / quotients.min() < 1.1

    def test_more_sides_than_there_are_cannot_be_asked_for(self):
        with pytest.raises(InlayError, match=r"masks\.count=\[2, 3\] asks for more sides than masks\.sides=\['left'\]"):
            Outpaint(sides=["left"], count=(2, 3))
