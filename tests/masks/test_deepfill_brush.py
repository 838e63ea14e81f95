import numpy as np
from hydra.utils import instantiate

from inlay.masks import DeepFillBrush
from tests.composing import configure
from tests.masks.mask_tester import MaskTester, address


class TestDeepFillBrush(MaskTester):
    family = DeepFillBrush


def test_deepfill_hides_a_box_and_brushes():
    masks = instantiate(configure("masks=deepfill", "data.root=none").masks)
    box, brush = masks.families.values()
    for index in range(20):
        rng = address(index)
        expected = box(64, 96, rng) | brush(64, 96, rng)
        assert np.array_equal(masks(64, 96, address(index)), expected)
    sides = [box(256, 256, address(index)).sum() ** 0.5 for index in range(50)]
    assert min(sides) >= 96
    assert max(sides) <= 128
