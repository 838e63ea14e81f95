import numpy as np
import pytest
import torch

from inlay.losses import Perceptual, Style
from inlay.losses.perceptual import feature_l1, gram
from inlay.losses.types import Features
from tests.losses.loss_tester import LossTester

MISFITS = (
    (lambda given: given._replace(features=None), ValueError, r"needs deep features; build it inside .* vgg="),
    (
        lambda given: given._replace(features=given.features._replace(image=given.features.image[:1])),
        ValueError,
        "shorter",
    ),
)


class TestPerceptual(LossTester):
    term = Perceptual
    refused = MISFITS


class TestStyle(LossTester):
    term = Style
    refused = MISFITS


def random_features():
    return Features(*([torch.randn(2, 4, 5, 3), torch.randn(2, 6, 2, 2)] for _ in range(3)))


def l1_by_numpy(answer, truth):
    return sum(np.abs(a.double().numpy() - t.double().numpy()).mean() for a, t in zip(answer, truth, strict=True))


def gram_by_loops(features):
    f = features.double().numpy()
    batch, channels, height, width = f.shape
    out = np.zeros((batch, channels, channels))
    for b, i, j in np.ndindex(out.shape):
        out[b, i, j] = (f[b, i] * f[b, j]).sum() / (channels * height * width)
    return torch.from_numpy(out)


def test_feature_l1_sums_the_means_of_the_layers():
    raw, _, image = random_features()
    assert feature_l1(raw, image).item() == pytest.approx(l1_by_numpy(raw, image), rel=1e-5)


def test_perceptual_adds_raw_and_composite():
    f = random_features()
    expected = l1_by_numpy(f.raw, f.image) + l1_by_numpy(f.composite, f.image)
    assert Perceptual().compare(f).item() == pytest.approx(expected, rel=1e-5)


def test_style_adds_raw_and_composite():
    f = random_features()
    raw, composite, image = ([gram_by_loops(level) for level in levels] for levels in f)
    expected = l1_by_numpy(raw, image) + l1_by_numpy(composite, image)
    assert Style().compare(f).item() == pytest.approx(expected, rel=1e-5)


def test_style_does_not_see_where_a_texture_lies():
    f = random_features()
    turned = [level.flip(-1) for level in f.image]
    assert Style().compare(f._replace(raw=turned, composite=turned)).item() == pytest.approx(0, abs=1e-6)


def test_gram_equals_loops():
    features = torch.randn(2, 4, 5, 3)
    torch.testing.assert_close(gram(features).double(), gram_by_loops(features), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gram_of_half_precision_is_float32(dtype):
    assert gram(torch.randn(1, 4, 5, 3, dtype=dtype)).dtype == torch.float32


def test_gram_of_float64_stays_float64():
    assert gram(torch.randn(1, 4, 5, 3, dtype=torch.float64)).dtype == torch.float64


def test_gram_of_huge_float16_features_is_finite_and_right():
    features = (6e4 * torch.rand(1, 64, 16, 16)).half()
    torch.testing.assert_close(gram(features).double(), gram_by_loops(features), rtol=1e-4, atol=0)


def test_gram_scales_before_it_multiplies():
    features = torch.full((1, 4, 32, 32), 1e19)  # squared, summed over 1024 pixels and then divided: infinite
    assert gram(features).isfinite().all()


def test_gram_stays_out_of_autocast():
    features = torch.randn(1, 4, 5, 3)
    with torch.autocast("cpu", torch.bfloat16):
        inside = gram(features)
    assert torch.equal(inside, gram(features))
