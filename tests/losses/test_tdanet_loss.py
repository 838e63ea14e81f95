"""TDANet's loss: divergences, L1 at several sizes, and where gradients go."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as reference

from inlay.errors import InlayError
from inlay.losses import PatchScores, TwoPathLoss
from inlay.losses.two_paths import HOLE_WEIGHT, WEIGHTS, hole_prior, kl_divergence, multiscale_l1, pyramid
from inlay.types import Gaussian, PathOutput

ONES = dict.fromkeys(WEIGHTS, 1.0)


def gaussian(*shape, seed=0):
    draw = torch.Generator().manual_seed(seed)
    mean, std = torch.randn(shape, generator=draw), torch.rand(shape, generator=draw) + 0.1
    return Gaussian(mean.requires_grad_(), std.requires_grad_())


def path(batch, seed):
    draw = torch.Generator().manual_seed(seed)
    pictures = [torch.rand(batch, 3, s, s, generator=draw) for s in (8, 16, 32)]
    return PathOutput(pictures, gaussian(batch, 4, 2, 2, seed=seed))


def terms_of(batch=2, **options):
    return TwoPathLoss(ONES, **options)(path(batch, 1), path(batch, 2), scores(batch), *scene(batch))[1]


def scores(batch=2):
    return PatchScores(*(torch.full((batch, 1, 2, 2), value) for value in (0.1, 0.2, 0.3, 0.4, 0.9, 0.6)))


def scene(batch=2):
    image, mask = torch.rand(batch, 3, 32, 32), torch.zeros(batch, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    return image, mask


class TestDivergence:
    """9."""

    def test_value_and_gradient_are_those_of_torch_distributions_also_under_autocast(self):
        p, q = (gaussian(2, 3, 4, 4, seed=seed) for seed in (0, 1))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = kl_divergence(p, q)
        expected = reference(Normal(*p), Normal(*q))
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(*(torch.autograd.grad(kl.sum(), (*p, *q)) for kl in (found, expected)))

    def test_prior_grows_with_the_hole(self):
        mask = torch.zeros(3, 1, 10, 10)
        mask[1, :, :2], mask[2] = 1, 1
        mean, std = hole_prior(mask, dynamic=True)
        visible = np.array([1.0, 0.8, 0.0]) - 1e-5
        np.testing.assert_allclose(std.view(-1), 1 / (1 + np.exp(8 * (visible - 0.8))), rtol=1e-5)
        assert (mean == 0).all()
        assert (hole_prior(mask, dynamic=False).std == 1).all()


class TestPyramid:
    def test_sizes_are_area_averages(self):
        image = torch.rand(2, 3, 32, 32)
        coarse, middle, fine = pyramid(image, 3)
        assert fine is image
        torch.testing.assert_close(middle[0, 0, 3, 5], image[0, 0, 6:8, 10:12].mean())
        torch.testing.assert_close(coarse[1, 2, 1, 1], image[1, 2, 4:8, 4:8].mean())

    @pytest.mark.parametrize("region", ["full", "visible", "hole_weighted"])
    def test_l1_by_hand(self, region):
        (image, mask), answer = scene(), torch.rand(2, 3, 32, 32)
        error, hole = np.abs(answer.numpy() - image.numpy()), mask.numpy()
        weight = {"full": 1, "visible": 1 - hole, "hole_weighted": np.where(hole, HOLE_WEIGHT, 1)}[region]
        found = multiscale_l1([answer], [image], [mask], region)
        assert found.item() == pytest.approx((weight * error).mean(), rel=1e-5)

    @pytest.mark.parametrize("batch", [1, 2, 3, 8])
    def test_every_size_counts_whatever_the_batch(self, batch):
        """2, D3: the official code drops the fine sizes of batches below four."""
        image, mask = scene(batch)
        sizes = pyramid(image, 3)
        for wrong in range(3):
            answers = [size + 0.5 * (number == wrong) for number, size in enumerate(sizes)]
            assert multiscale_l1(answers, sizes, pyramid(mask, 3), "full").item() == pytest.approx(0.5, abs=1e-6)


class TestTwoPaths:
    def test_total_is_the_weighted_sum(self):
        weights = {name: 0.5 + number for number, name in enumerate(WEIGHTS)}
        matching = {name: torch.tensor(0.1 * k) for k, name in enumerate(WEIGHTS[8:])}
        total, terms = TwoPathLoss(weights)(path(2, 1), path(2, 2), scores(), *scene(), matching)
        assert total.item() == pytest.approx(sum(weights[name] * terms[name].item() for name in WEIGHTS), rel=1e-5)

    @pytest.mark.parametrize("batch", [1, 2, 8])
    def test_terms_are_the_same_for_every_batch_and_those_of_scores_by_hand(self, batch):
        """2."""
        terms = terms_of(batch)
        assert list(terms) == list(WEIGHTS[:8])
        expected = {"gan_out": 0.81, "gan_rec": 0.64, "score_out": 0.36, "score_rec": 0.04}
        assert {name: round(terms[name].item(), 5) for name in expected} == expected

    @pytest.mark.parametrize("direction", ["official", "posterior_to_prior"])
    def test_direction_of_the_posteriors_divergence(self, direction):
        terms = terms_of(kl_direction=direction)
        prior, posterior = Normal(torch.tensor(0.0), torch.tensor(1.0)), Normal(*path(2, 2).latent)
        pair = (prior, posterior) if direction == "official" else (posterior, prior)
        torch.testing.assert_close(terms["kl_rec"], reference(*pair).mean().detach())
        torch.testing.assert_close(terms["kl_out"], reference(posterior, Normal(*path(2, 1).latent)).mean().detach())

    def test_zero_at_a_perfect_answer(self):
        image, mask = scene()
        perfect = PathOutput(pyramid(image, 3), Gaussian(torch.zeros(2, 4, 2, 2), torch.ones(2, 4, 2, 2)))
        total, _ = TwoPathLoss(ONES)(perfect, perfect, PatchScores(*[torch.ones(2, 1, 2, 2)] * 6), image, mask)
        assert total.item() == pytest.approx(0, abs=1e-6)

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"weights": {"l1": 1}}, "needs exactly"),
            ({"weights": ONES | {"l1_out": -1}}, "l1_out must be finite"),
            ({"kl_direction": "both"}, "kl_direction"),
            ({"region_rec": "hole"}, "region_rec must be one of"),
            ({"adversarial": "wgan"}, "loss.adversarial must be one of"),
        ],
    )
    def test_mistakes_are_named(self, options, complaint):
        with pytest.raises(InlayError, match=complaint):
            TwoPathLoss(**({"weights": ONES} | options))
