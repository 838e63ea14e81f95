"""The one-channel layer against the paper's multi-channel formula, written out densely in float64."""

import pytest
import torch
import torch.nn.functional as F

from inlay.models.layers import PartialConv2d, partial_window


def dense(x, masks, weight, bias, stride):
    """Liu et al. 2018, eq. 1 and 2, with one mask channel per feature channel."""
    x, masks, weight = x.double(), masks.double(), weight.double()
    padding, ones = weight.shape[-1] // 2, torch.ones_like(weight)
    known = F.conv2d(masks, ones, None, stride, padding)
    valid = (known > 0).double()
    ratio = torch.where(known > 0, weight[0].numel() / known.clamp(min=1), 0.0)
    y = F.conv2d(x * masks, weight, None, stride, padding) * ratio
    y = y + (0 if bias is None else bias.double()[:, None, None])
    return y * valid, valid[:, :1]


def random_valid(height, width, share=0.5):
    return (torch.rand(2, 1, height, width) < share).float()


@pytest.mark.parametrize("size", [(16, 16), (15, 17), (7, 9), (1, 3)])
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (5, 2), (3, 2), (3, 1)])
@pytest.mark.parametrize("bias", [False, True])
def test_equals_the_dense_formula(size, kernel, stride, bias):
    conv = PartialConv2d(6, 5, kernel, stride, bias=bias)
    if bias:
        torch.nn.init.normal_(conv.bias)
    valid = random_valid(*size, share=0.2)
    x = torch.randn(2, 6, *size)
    window = partial_window((valid, 6), kernel_size=kernel, stride=stride)
    expected, expected_valid = dense(x, valid.expand_as(x), conv.weight, conv.bias, stride)
    torch.testing.assert_close(conv(x * valid, window).double(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(window.valid.double(), expected_valid)


@pytest.mark.parametrize("size", [(16, 16), (15, 17)])
def test_skip_masks_weigh_by_their_channels(size):
    conv, x = PartialConv2d(64 + 3, 4, 3, bias=True), torch.randn(2, 67, *size)
    up, skip = random_valid(*size, share=0.3), random_valid(*size, share=0.3)
    masks = torch.cat([up.expand(-1, 64, -1, -1), skip.expand(-1, 3, -1, -1)], dim=1)
    window = partial_window((up, 64), (skip, 3), kernel_size=3)
    expected, expected_valid = dense(x, masks, conv.weight, conv.bias, 1)
    torch.testing.assert_close(conv(x * masks, window).double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(window.valid.double(), expected_valid)


def test_gradients_equal_those_of_the_dense_formula():
    conv = PartialConv2d(4, 3, 3, stride=2, bias=True).double()
    x, valid = torch.randn(2, 4, 9, 11, dtype=torch.float64), random_valid(9, 11).double()
    ours = conv(x * valid, partial_window((valid, 4), kernel_size=3, stride=2))
    theirs, _ = dense(x, valid.expand_as(x), conv.weight, conv.bias, 2)
    gradients = [torch.autograd.grad(y.square().sum(), conv.parameters()) for y in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


def test_constant_picture_stays_constant_beside_holes_and_edges():
    """A ratio applied twice (S2) or counted without its channels (N1) breaks this."""
    conv = PartialConv2d(3, 1, 3, bias=True)
    with torch.no_grad():
        conv.weight.fill_(1 / 27)
        conv.bias.fill_(0.5)
    valid = torch.ones(1, 1, 8, 8)
    valid[..., 2:5, 2:5] = 0
    y = conv(torch.ones(1, 3, 8, 8) * valid, partial_window((valid, 3), kernel_size=3))
    expected = torch.full_like(y, 1.5)
    expected[..., 3, 3] = 0
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_windows_of_nothing_but_hole_are_exactly_zero(dtype):
    conv = PartialConv2d(3, 4, 5, stride=2, bias=True).to(dtype)
    torch.nn.init.normal_(conv.bias)
    window = partial_window((torch.zeros(1, 1, 16, 16), 3), kernel_size=5, stride=2)
    y = conv(torch.zeros(1, 3, 16, 16, dtype=dtype), window)
    assert (y.dtype, y.any()) == (dtype, False)


def test_mask_sums_are_exact_in_every_precision():
    valid = random_valid(32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        window = partial_window((valid, 512), (valid, 512), kernel_size=3)
        assert PartialConv2d(1024, 4, 3)(torch.rand(2, 1024, 32, 32), window).dtype == torch.bfloat16  # features'
    assert window.ratio.dtype == torch.float32
    torch.testing.assert_close(window.ratio, partial_window((valid, 1), kernel_size=3).ratio, rtol=0, atol=1e-6)


def test_ratio_stays_in_the_range_of_half_precision():
    skip = torch.zeros(1, 1, 8, 8)
    skip[..., 4, 4] = 1
    ratio = partial_window((torch.zeros(1, 1, 8, 8), 64), (skip, 3), kernel_size=3).ratio
    assert ratio.max() == pytest.approx(9 * 67 / 3)


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel_size must be odd, got 4"):
        PartialConv2d(3, 4, 4)
