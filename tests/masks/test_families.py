import numpy as np
import pytest

from inlay.errors import InlayError
from inlay.masks import Boxes, Center, Shapes, Strokes
from tests.masks.mask_tester import MaskTester


class TestStrokes(MaskTester):
    family = Strokes


class TestShapes(MaskTester):
    family = Shapes


class TestBoxes(MaskTester):
    family = Boxes

    def test_is_a_single_rectangle_where_one_is_asked_for(self, rng):
        mask = Boxes(count=(1, 1), side=(0.25, 0.5))(64, 64, rng)
        tall, wide = mask.any(axis=1).sum(), mask.any(axis=0).sum()
        assert mask.sum() == tall * wide
        assert 16 <= min(tall, wide) <= max(tall, wide) <= 32


class TestCenter:
    @pytest.mark.parametrize("size", [(64, 64), (65, 97), (33, 48)])
    def test_is_one_box_in_the_middle(self, size, rng):
        mask = Center(side=0.5)(*size, rng)
        assert (mask.shape, mask.dtype) == (size, np.bool_)
        for axis, length in enumerate(size):
            inside = np.flatnonzero(mask.any(axis=1 - axis))
            assert len(inside) == inside[-1] - inside[0] + 1 == round(length / 2)
            assert abs(inside[0] - (length - 1 - inside[-1])) <= 1
        assert mask.sum() == round(size[0] / 2) * round(size[1] / 2)

    def test_asks_the_generator_for_nothing(self):
        assert np.array_equal(Center()(32, 32, None), Center()(32, 32, None))

    @pytest.mark.parametrize("side", [0, 1, -0.2, 1.5])
    def test_names_a_bad_side(self, side):
        with pytest.raises(InlayError, match=rf"masks\.side must lie between 0 and 1.*got {side}"):
            Center(side=side)
