"""The acceptance tests of the LaMa specification (section 6.3) that concern networks, numbered as there."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.measuring.naive_lama import NaiveLaMa
from inlay.convert.lama import rename_generator
from inlay.errors import InlayError
from inlay.models import LaMa, PatchDiscriminator
from inlay.models.lama import DilatedBlock, FourierBlock, PlainBlock
from inlay.models.lama.fourier import FourierConv, FourierUnit
from inlay.models.lama.spectrum import (
    from_spectrum,
    from_spectrum_by_products,
    to_spectrum,
    to_spectrum_by_products,
)
from inlay.ops import erase
from tests.models.model_tester import scene

SIZES = [(8, 8), (7, 9), (6, 5)]


def parameters(net):
    return sum(parameter.numel() for parameter in net.parameters())


def lived_in(net):
    """With statistics and scales of batch norm as after a training."""
    draw = torch.Generator().manual_seed(3)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for tensor, low, high in (
                (norm.running_mean, -0.5, 0.5),
                (norm.running_var, 0.5, 2.0),
                (norm.weight.data, 0.8, 1.2),
                (norm.bias.data, -0.5, 0.5),
            ):
                tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=draw))
    return net


SN_PATCH = {"channels": [64, 128, *[256] * 4], "strides": [2] * 6, "kernel": 5, "score": False, "takes_mask": True}
AOT = {"channels": [64, 128, 256, 512], "strides": [2, 2, 2, 1], "padding": 1, "bias": False}


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (LaMa, 27_048_835),
        (partial(LaMa, blocks=18), 50_975_875),
        (partial(LaMa, block=PlainBlock, bias=True), 45_617_731),
        (partial(LaMa, block=PlainBlock, bias=True, blocks=15), 73_947_715),
        (partial(LaMa, block=DilatedBlock, bias=True), 45_645_379),
        (PatchDiscriminator, 6_962_369),
        (
            partial(
                PatchDiscriminator, [64, 128, *[256] * 4], [2] * 6, 5, norm="spectral", score=False, takes_mask=True
            ),
            5_946_816,
        ),
        (partial(PatchDiscriminator, norm="spectral", **SN_PATCH), 5_946_816),
        (partial(PatchDiscriminator, norm="spectral", **AOT), 2_763_777),
    ],
)
def test_1_parameter_counts_are_the_published_ones(make, count):
    with torch.device("meta"):
        assert parameters(make()) == count


def naive_dft(x):
    """By its definition, ``(C, H, W)`` complex of ``(C, H, W)`` real."""
    rows, columns = (np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) for n in x.shape[1:])
    return np.einsum("uh,chw,vw->cuv", rows, x, columns) / np.sqrt(x.shape[1] * x.shape[2])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("transform", [to_spectrum, to_spectrum_by_products])
def test_3_spectrum_equals_a_naive_transform(transform, size):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    found = transform(x)[1].numpy()
    expected = naive_dft(x[1].numpy())[..., : size[1] // 2 + 1]
    np.testing.assert_allclose(found[0::2], expected.real, atol=1e-10)  # 4: interleaved, the real part first
    np.testing.assert_allclose(found[1::2], expected.imag, atol=1e-10)


@pytest.mark.parametrize("size", SIZES)
def test_3_products_equal_the_fast_transform(size):
    spectrum = torch.randn(2, 6, size[0], size[1] // 2 + 1)  # of no real image
    torch.testing.assert_close(
        from_spectrum_by_products(spectrum, size[1]), from_spectrum(spectrum, size[1]), atol=1e-5, rtol=0
    )
    image = torch.randn(2, 3, *size)
    torch.testing.assert_close(from_spectrum(to_spectrum(image), size[1]), image, atol=1e-5, rtol=0)


def test_3_gradient_of_the_fourier_unit():
    unit = FourierUnit(2).double()
    unit.spectral.norm.eval()
    nn.init.constant_(unit.spectral.norm.bias, 3.0)  # away from the kink of the ReLU
    assert torch.autograd.gradcheck(unit, torch.rand(1, 2, 4, 5, dtype=torch.float64, requires_grad=True) * 0.1)


def test_4_real_and_imaginary_weights_are_no_equals():
    unit, x = FourierUnit(3).eval(), torch.randn(1, 3, 8, 8)
    before = unit(x)
    weight = unit.spectral.conv.weight
    weight.data = weight.data.unflatten(0, (3, 2)).flip(1).flatten(0, 1)
    assert not torch.allclose(before, unit(x), atol=1e-3)


def test_5_a_block_never_subtracts():
    block = lived_in(FourierBlock(8, ratio=0.5)).eval()
    x = (torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8))
    assert all((y >= part).all() for y, part in zip(block(*x), x, strict=True))
    for norm in (block.second.norm_local, block.second.norm_global):
        nn.init.constant_(norm.bias, -1e6)
    assert all(torch.equal(y, part) for y, part in zip(block(*x), x, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [(256, 256), (264, 200)])
def test_6_half_precision_is_close_and_its_transforms_are_not_half(dtype, size):
    net = lived_in(LaMa(width=8, blocks=2)).eval()
    image, mask = scene(size, batch=1)
    seen = []
    for unit in net.modules():
        if isinstance(unit, FourierUnit):
            unit.spectral.register_forward_hook(lambda _, given, y: seen.extend([given[0].dtype, y.dtype]))
    with torch.inference_mode():
        exact = net(erase(image, mask), mask)
        with torch.autocast("cpu", dtype):
            half = net(erase(image, mask), mask)
    assert set(seen) == {torch.float32}
    assert half.isfinite().all()
    assert (half - exact).abs().mean() < 2e-3


@pytest.mark.parametrize("training", [True, False])
def test_7_computes_what_the_naive_form_computes(training):
    naive = lived_in(NaiveLaMa(width=4, blocks=2)).double().train(training)
    net = LaMa(width=4, blocks=2).double().train(training)
    net.load_state_dict(rename_generator("naive", naive.state_dict(), {"width": 4, "downs": 3, "blocks": 2})[0])
    image, mask = (x.double() for x in scene((64, 48)))
    inputs = [erase(image, mask).requires_grad_() for _ in range(2)]
    weight = torch.randn(2, 3, 64, 48, dtype=torch.float64)
    outputs = [each(masked, mask) for each, masked in zip((net, naive), inputs, strict=True)]
    torch.testing.assert_close(*outputs, atol=1e-12, rtol=0)
    for output in outputs:
        (output * weight).sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-12, rtol=1e-9)
    gradients = {name: p.grad for name, p in naive.named_parameters()}
    renamed, _ = rename_generator("naive", naive.state_dict() | gradients, {"width": 4, "downs": 3, "blocks": 2})
    ours = {name: p.grad.float() for name, p in net.named_parameters()}  # an import keeps float32
    biases = {f"decoder.{stage}.conv.bias" for stage in range(3)} if training else set()  # batch norm takes them off
    for name in ours.keys() - biases:
        torch.testing.assert_close(ours[name], renamed[name], atol=1e-6, rtol=1e-5, msg=name)


def test_folding_batch_norm_changes_nothing():
    image, mask = scene((32, 40))
    for block in (FourierBlock, PlainBlock):
        net = lived_in(LaMa(width=4, blocks=2, block=block, bias=block is PlainBlock)).eval()
        before = net(erase(image, mask), mask)
        net.for_inference()
        assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
        torch.testing.assert_close(net(erase(image, mask), mask), before, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("size", "said"), [((64, 250), "256"), ((8, 64), "16")])
def test_8_a_size_that_does_not_fit_names_the_next(size, said):
    image, mask = torch.zeros(1, 3, *size), torch.zeros(1, 1, *size)
    with pytest.raises(InlayError, match=said):
        LaMa(width=4, blocks=1)(image, mask)


@pytest.mark.parametrize(
    "options",
    [{"width": 0}, {"padding": "mirror"}, {"down_padding": "mirror"}, {"block": partial(FourierBlock, ratio=1.0)}],
)
def test_bad_options_are_named(options):
    with pytest.raises(InlayError, match=f"model.{next(iter(options))}"):
        LaMa(**{"width": 4, "blocks": 1} | options)


@pytest.mark.parametrize("options", [{"channels": [8]}, {"norm": "layer"}])
def test_bad_options_of_a_discriminator_are_named(options):
    with pytest.raises(InlayError, match=f"discriminator.{next(iter(options))}"):
        PatchDiscriminator(**options)


def test_patches_lie_where_the_discriminator_says():
    discriminator = PatchDiscriminator([4, 4, 4], [2, 2, 1], norm="none").double()
    image = torch.zeros(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    scores = discriminator(image).scores
    (gradient,) = torch.autograd.grad(scores[0, 0, 8, 8], image)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero()
    grid = discriminator.patch_grid
    assert (rows.min() + rows.max()) / 2 == grid.first + 8 * grid.stride
    assert scores.dtype == torch.float32


def test_a_fourier_convolution_sees_the_whole_image():
    layer = FourierConv(4, 4).eval()
    x = torch.randn(1, 4, 32, 32, requires_grad=True)
    _, y = layer(torch.zeros(1, 4, 32, 32), x)
    (gradient,) = torch.autograd.grad(y[0, :, 0, 0].sum(), x)
    assert (gradient.abs().sum(dim=1) > 0).float().mean() > 0.5  # ReLUs close the rest
