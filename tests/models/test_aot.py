"""AOT-GAN; numbers are those of the acceptance tests of the specification of LaMa's family, section 6.3."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inlay.errors import InlayError
from inlay.models import AOTGenerator
from inlay.models.aot import AOTBlock, normalized


def test_1_parameters():
    with torch.device("meta"):
        net = AOTGenerator()
    assert sum(parameter.numel() for parameter in net.parameters()) == 15_200_835
    assert len(net.state_dict()) == 108


def test_16_normalization_by_hand_and_of_a_constant():
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    mean, std = x.numpy().mean((2, 3), keepdims=True), x.numpy().std((2, 3), keepdims=True, ddof=1)
    np.testing.assert_allclose(normalized(x, 1e-5), 5 * (2 * (x.numpy() - mean) / (std + 1e-5) - 1))
    flat = normalized(torch.full((1, 2, 8, 8), 0.7, dtype=torch.bfloat16), 1e-5)
    assert torch.equal(flat, torch.full_like(flat, -5))


def test_16_a_closed_gate_gives_the_identity_and_an_open_one_what_was_found():
    block, x = AOTBlock(8, (1, 2), 1e-5).double(), torch.randn(1, 8, 6, 6, dtype=torch.float64)
    branches = [F.relu(branch(x)) for branch in block.branches]
    gate = torch.sigmoid(normalized(block.gate(x), 1e-5))
    expected = x * (1 - gate) + block.fuse(torch.cat(branches, dim=1)) * gate
    torch.testing.assert_close(block(x), expected)
    torch.nn.init.zeros_(block.gate.weight)  # a constant map: the gate is closed but for 0.7 %
    closed = torch.sigmoid(torch.tensor(-5.0, dtype=torch.float64))
    torch.testing.assert_close(block(x) - x, closed * (block.fuse(torch.cat(branches, dim=1)) - x))


def test_the_hole_is_white():
    net, seen = AOTGenerator(width=8, blocks=1), []
    net.encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    image, mask = torch.full((1, 3, 40, 40), 0.25), torch.zeros(1, 1, 40, 40)
    mask[..., 10:20, 10:20] = 1
    net(image * (1 - mask), mask)
    assert torch.equal(seen[0], torch.cat([torch.where(mask > 0, 1.0, -0.5).expand(1, 3, 40, 40), mask], dim=1))


@pytest.mark.parametrize("options", [{"width": 0}, {"rates": [1, 2, 4]}, {"eps": 0.0}])
def test_bad_options_are_named(options):
    with pytest.raises(InlayError, match=f"model.{next(iter(options))}"):
        AOTGenerator(**options)
