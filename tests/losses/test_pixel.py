import numpy as np
import pytest
import torch

from inlay.errors import InlayError
from inlay.losses import CoarseL1, HoleL1, TotalVariationLoss, ValidL1
from inlay.losses.pixel import hole_l1, total_variation, valid_l1
from inlay.losses.types import LossInput
from tests.losses.loss_tester import LossTester, sample

MISFITS = (
    (lambda given: given._replace(raw=given.raw[..., 1:]), RuntimeError, "must match"),
    (lambda given: given._replace(mask=given.mask[..., 1:, :]), RuntimeError, "must match"),
)


class TestHoleL1(LossTester):
    term = HoleL1
    refused = MISFITS


class TestValidL1(LossTester):
    term = ValidL1
    refused = MISFITS


class TestCoarseL1:
    def test_by_hand_and_of_a_network_without_coarse_pictures(self):
        raw, image, mask = sample()
        stages = [raw * 0.5, raw * 0.25]
        expected = sum(abs(stage.double().numpy() - image.double().numpy()).mean() for stage in stages)
        given = LossInput(raw, raw, image, mask, stages=stages)
        assert CoarseL1()(given).item() == pytest.approx(expected, rel=1e-5)
        with pytest.raises(InlayError, match="coarse to fine"):
            CoarseL1()(given._replace(stages=()))


class TestTotalVariation(LossTester):
    term = TotalVariationLoss
    refused = ((lambda given: given._replace(composite=given.composite[..., 1:]), RuntimeError, "must match"),)

    def perfect(self):  # nothing is smoother than a picture of one color
        _, _, mask = sample()
        image = torch.rand(2, 3, 1, 1).expand(2, 3, 9, 7)
        return image, image, mask


def l1_by_loops(raw, image, chosen):
    raw, image, chosen = (x.double().numpy() for x in (raw, image, chosen))
    total = 0.0
    for b, c, y, x in np.ndindex(raw.shape):
        total += chosen[b, 0, y, x] * abs(raw[b, c, y, x] - image[b, c, y, x])
    return total / raw.size


def tv_by_loops(picture, mask):
    picture, hole = picture.double().numpy(), mask.numpy() > 0
    height, width = picture.shape[2:]

    def inside(b, y, x):
        near = hole[b, 0, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        return y < height and x < width and near.any()

    total = 0.0
    for b, c, y, x in np.ndindex(picture.shape):
        for below, right in ((1, 0), (0, 1)):
            if inside(b, y, x) and inside(b, y + below, x + right):
                total += abs(picture[b, c, y + below, x + right] - picture[b, c, y, x])
    return total / picture.size


def test_l1_equals_loops():
    raw, image, mask = sample()
    assert hole_l1(raw, image, mask).item() == pytest.approx(l1_by_loops(raw, image, mask), rel=1e-5)
    assert valid_l1(raw, image, mask).item() == pytest.approx(l1_by_loops(raw, image, 1 - mask), rel=1e-5)


@pytest.mark.parametrize(("height", "width"), [(7, 5), (1, 9), (9, 1), (8, 8)])
def test_total_variation_equals_loops(height, width):
    raw, _, _ = sample(height=height, width=width)
    mask = (torch.rand(2, 1, height, width) < 0.15).float()
    assert total_variation(raw, mask).item() == pytest.approx(tv_by_loops(raw, mask), rel=1e-5)


@pytest.mark.parametrize(("x", "punished"), [(2, 0), (3, 3), (4, 3), (5, 0)])
def test_total_variation_ends_with_the_dilated_hole(x, punished):
    mask = torch.zeros(1, 1, 7, 9)
    mask[..., 3, 4] = 1
    edge = (torch.arange(9) > x).float().expand(1, 3, 7, 9)  # between columns x and x + 1; the region is 3..5
    assert total_variation(edge, mask).item() == pytest.approx(punished / (7 * 9))
