"""Adversarial objectives, feature matching, R1 and patch labels, each against an independent computation.

Numbers are those of the acceptance tests of the LaMa specification, section 6.3.
"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from inlay.errors import InlayError
from inlay.losses import OBJECTIVES, feature_matching, hinge, least_squares, non_saturating, patch_labels, r1_penalty
from inlay.models import PatchDiscriminator, ResidualDiscriminator
from inlay.models.discriminators import PatchGrid

LAMA = PatchGrid(16, -23.5)  # of its discriminator, which has 19x19 patches at 256 px
SCORES = np.array([0.0, 3.0, -2.0])
BY_HAND = {
    "non_saturating": (np.log1p(np.exp(-SCORES)), np.log1p(np.exp(SCORES)), np.log1p(np.exp(-SCORES))),
    "hinge": (np.maximum(0, 1 - SCORES), np.maximum(0, 1 + SCORES), -SCORES),
    "least_squares": ((SCORES - 1) ** 2, SCORES**2, (SCORES - 1) ** 2),
    "least_squares_aot": ((SCORES - 1) ** 2, SCORES**2, SCORES**2),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_11_objectives_by_hand(name):
    """Between real and fake: a map that is half real costs half of each, least squares aside."""
    sides, scores = OBJECTIVES[name], torch.tensor(SCORES)
    real, fake, generator = BY_HAND[name]
    labels = np.array([1.0, 0.0, 1.0])
    assert sides.discriminator(scores, 1.0).item() == pytest.approx(real.mean())
    assert sides.discriminator(scores, 0.0).item() == pytest.approx(fake.mean())
    assert sides.generator(scores, None).item() == pytest.approx(generator.mean())
    weight = np.array([0.5, 0.0, 2.0])
    assert sides.generator(scores, torch.tensor(weight)).item() == pytest.approx((generator * weight).sum() / 2.5)
    assert sides.generator(scores, torch.zeros(3)).item() == 0
    mixed = sides.discriminator(scores, torch.tensor(labels)).item()
    assert mixed == pytest.approx(np.where(labels, real, fake).mean())


@pytest.mark.parametrize("objective", [non_saturating, hinge, least_squares])
def test_gradients_of_objectives(objective):
    scores, target = torch.rand(2, 1, 3, 3, dtype=torch.float64) * 0.8, torch.rand(2, 1, 3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: objective(x, target), (scores.requires_grad_(),))


def test_14_feature_matching_is_the_mean_of_means():
    fake = [torch.zeros(1, 2, 4, 4, requires_grad=True), torch.zeros(1, 3, 2, 2, requires_grad=True)]
    real = [torch.full((1, 2, 4, 4), 2.0, requires_grad=True), torch.full((1, 3, 2, 2), 4.0, requires_grad=True)]
    loss = feature_matching(fake, real)
    loss.backward()
    assert loss.item() == (4 + 16) / 2
    assert all(level.grad is not None for level in fake)
    assert all(level.grad is None for level in real)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_12_r1_of_a_linear_function(memory):
    image = torch.rand(2, 3, 4, 4).contiguous(memory_format=memory).requires_grad_()
    weight = torch.randn(3, 4, 4)
    penalty = r1_penalty((image * weight).flatten(1).sum(1), image)
    assert penalty.item() == pytest.approx(weight.square().sum().item(), rel=1e-5)


def hole(y, x, side=8, size=256):
    mask = torch.zeros(1, 1, size, size)
    mask[..., y : y + side, x : x + side] = 1
    return mask


def numbers(labels, mask, size=(19, 19), grid=LAMA):
    return patch_labels(labels, mask, size, grid)[0, 0].numpy()


def test_10_labels_of_the_whole_image_are_fake_and_nearest_ones_take_lamas_pixels():
    mask = (torch.rand(1, 1, 256, 256) < 0.5).float()
    assert (numbers("image", mask) == 0).all()
    picked = np.floor(np.arange(19) * 256 / 19).astype(int)
    np.testing.assert_array_equal(numbers("hole_nearest", mask), 1 - mask[0, 0].numpy()[np.ix_(picked, picked)])


@pytest.mark.parametrize("labels", ["hole_max", "hole_aligned"])
def test_10_no_small_hole_is_missed(labels):
    draw = np.random.default_rng(0)
    for y, x in draw.integers(0, 249, (1000, 2)):
        assert numbers(labels, hole(y, x)).min() == 0
    assert (numbers(labels, hole(0, 0, side=0)) == 1).all()


def test_max_labels_by_loops():
    mask = (torch.rand(1, 1, 40, 30) < 0.05).float()
    expected = np.ones((6, 7))
    for i, j in np.ndindex(6, 7):
        rows, columns = slice(i * 40 // 6, -(-(i + 1) * 40 // 6)), slice(j * 30 // 7, -(-(j + 1) * 30 // 7))
        expected[i, j] = 1 - mask[0, 0, rows, columns].max()
    np.testing.assert_array_equal(numbers("hole_max", mask, (6, 7)), expected)


def test_aligned_labels_by_loops():
    """A cell is fake if the hole comes within half a stride of its center, which is moved into the image."""
    mask = (torch.rand(1, 1, 64, 48) < 0.02).float()
    ys, xs = np.nonzero(mask[0, 0].numpy())
    expected = np.ones((5, 4))
    for i, j in np.ndindex(5, 4):
        y, x = np.clip(-7.5 + 16 * i, 0, 63), np.clip(-7.5 + 16 * j, 0, 47)
        expected[i, j] = not ((np.abs(ys - y) <= 8) & (np.abs(xs - x) <= 8)).any()
    np.testing.assert_array_equal(numbers("hole_aligned", mask, (5, 4), PatchGrid(16, -7.5)), expected)


def test_soft_labels_are_those_of_a_blurred_mask():
    mask = hole(60, 100, side=70)
    soft = gaussian_filter(mask[0, 0].double().numpy(), 10, truncate=3.5, mode="nearest")
    np.testing.assert_allclose(
        numbers("hole_blur", mask, (16, 16)), 1 - soft.reshape(16, 16, 16, 16).mean((1, 3)), atol=1e-5
    )


@pytest.mark.parametrize(("labels", "said"), [("box", "task.labels must be one of"), ("hole_aligned", "hole_max")])
def test_labels_that_cannot_be_made_are_refused(labels, said):
    with pytest.raises(InlayError, match=said):
        patch_labels(labels, hole(0, 0), (4, 4), None)


def test_a_discriminator_may_see_signed_pictures():
    plain, signed = (PatchDiscriminator([4], [2], norm="none", signed=signed) for signed in (False, True))
    signed.load_state_dict(plain.state_dict())
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(signed(image).scores, plain(2 * image - 1).scores)


def test_a_patch_sees_the_pixels_around_its_center():
    """The grid that a discriminator declares is where gradients come from."""
    net = ResidualDiscriminator((4, 4, 4), attention=1).double()
    net.blocks[0] = torch.nn.Identity()  # attention sees everything
    image = torch.rand(1, 3, 192, 192, dtype=torch.float64, requires_grad=True)
    scores = net.scores(net.blocks(net.stem(image)))
    for cell in (9, 12):
        (gradient,) = torch.autograd.grad(scores[0, 0, cell, cell], image, retain_graph=True)
        seen = gradient[0].abs().sum(0).nonzero()
        center = (seen.min() + seen.max()).item() / 2
        assert center == net.patch_grid.first + cell * net.patch_grid.stride
