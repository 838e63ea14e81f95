"""DeepFillv2; numbers are those of the acceptance tests of the specification of LaMa's family, section 6.3."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inlay.errors import InlayError
from inlay.models import DeepFill
from inlay.models.gated.attention import ContextualAttention
from inlay.models.gated.layers import GatedConv
from inlay.ops import erase
from tests.models.model_tester import scene

HEIGHT, WIDTH = 5, 4  # of patches


def test_1_parameters():
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in DeepFill().parameters()) == 4_052_478


def test_a_gated_convolution_by_hand():
    layer, x = GatedConv(2, 3, stride=2).double(), torch.randn(1, 2, 6, 6, dtype=torch.float64)
    weight, bias = layer.conv.weight, layer.conv.bias
    features, gate = (F.conv2d(x, weight[s], bias[s], 2, 1) for s in (slice(0, 3), slice(3, 6)))
    expected = torch.where(features > 0, features, features.exp() - 1) / (1 + (-gate).exp())
    torch.testing.assert_close(layer(x), expected)


def test_a_width_that_gates_cannot_halve_is_named():
    with pytest.raises(InlayError, match=r"model\.width"):
        DeepFill(width=5)


def features_and_mask(seed=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 3, 2 * HEIGHT, 2 * WIDTH, generator=draw, dtype=torch.float64)
    mask = torch.zeros(1, 1, 8 * HEIGHT, 8 * WIDTH, dtype=torch.float64)
    mask[..., 16 + 8 * seed : 24 + 8 * seed, 0:8] = 1  # one cell of patches
    return x, mask


def patch(x, row, column, side):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return padded[:, row : row + side, column : column + side]


def by_loops(x, mask, zero_excluded):
    """Contextual attention by its description, patch by patch, of ``(C, H / 4, W / 4)`` and ``(H / 8, W / 8)``."""
    small, cells = x[:, ::2, ::2], list(np.ndindex(HEIGHT, WIDTH))
    keys = [patch(small, *cell, 3) for cell in cells]
    scores = np.array([[(q * k).sum() / max(np.linalg.norm(k), 1e-4) for k in keys] for q in keys])

    for order in (cells, sorted(cells, key=lambda cell: cell[::-1])):
        numbers, total = [cells.index(cell) for cell in order], np.zeros_like(scores)
        for i, j, step in product(range(len(order)), range(len(order)), (-1, 0, 1)):
            if 0 <= i + step < len(order) and 0 <= j + step < len(order):
                total[numbers[i], numbers[j]] += scores[numbers[i + step], numbers[j + step]]
        scores = total
    touched = np.array([patch(mask[None], *cell, 3).any() for cell in cells])
    logits = 10 * np.where(touched, 0 if zero_excluded else -np.inf, scores)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    weights *= ~touched
    pasted = np.zeros((len(x), 2 * HEIGHT + 2, 2 * WIDTH + 2))
    for (row, column), row_weights in zip(cells, weights, strict=True):
        mean = sum(w * patch(x, 2 * r, 2 * c, 4) for w, (r, c) in zip(row_weights, cells, strict=True))
        pasted[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += mean / 4
    return pasted[:, 1:-1, 1:-1]


@pytest.mark.parametrize("zero_excluded", [False, True])
def test_15_attention_equals_loops(zero_excluded):
    x, mask = features_and_mask()
    found = ContextualAttention(zero_excluded)(x, mask)[0]
    np.testing.assert_allclose(found, by_loops(x[0].numpy(), mask[0, 0, ::8, ::8].numpy(), zero_excluded), atol=1e-10)


def test_15_weights_sum_to_one_and_patches_at_the_hole_have_none():
    x, mask = features_and_mask()
    weights = ContextualAttention().weights(x[..., ::2, ::2], mask[..., ::8, ::8])[0]
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(HEIGHT * WIDTH, dtype=torch.float64))
    touched = torch.zeros(WIDTH, HEIGHT)  # patches are numbered down the columns
    touched[0:2, 1:4] = 1
    assert (weights[:, touched.flatten() > 0] == 0).all()
    assert (weights[:, touched.flatten() == 0] > 0).all()
    everything = ContextualAttention().weights(x[..., ::2, ::2], torch.ones(1, 1, HEIGHT, WIDTH))
    torch.testing.assert_close(everything, torch.full_like(everything, 1 / (HEIGHT * WIDTH)))


def test_15_each_picture_has_its_own_mask():
    (x, mask), (y, other) = features_and_mask(0), features_and_mask(1)
    together = ContextualAttention()(torch.cat([x, y]), torch.cat([mask, other]))
    torch.testing.assert_close(together, torch.cat([ContextualAttention()(x, mask), ContextualAttention()(y, other)]))


def test_15_what_repeats_is_copied_into_the_hole():
    draw = torch.Generator().manual_seed(0)
    tile = torch.randn(1, 8, 8, 8, generator=draw)
    x = tile.repeat(1, 1, 4, 4)
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., 56:72, 56:72] = 1
    found = ContextualAttention()(x, mask)
    torch.testing.assert_close(found[..., 10:22, 10:22], x[..., 10:22, 10:22], atol=1e-3, rtol=0)


def test_the_coarse_picture_comes_before_the_fine_one_and_is_all_of_the_first_network():
    net, (image, mask) = DeepFill(width=4).eval(), scene()
    coarse, raw = net.inpaint_stages(image, mask)
    assert torch.equal(raw, net.inpaint(image, mask))
    net.fine[-1].weight.data.zero_()
    assert torch.equal(net(erase(image, mask), mask, stages=True)[0], coarse)
    assert not torch.equal(coarse, raw)
