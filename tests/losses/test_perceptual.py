from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inlay.errors import InlayError
from inlay.losses import Perceptual, PerceptualL2, Style
from inlay.losses.perceptual import gram
from inlay.losses.types import Features, LossInput
from tests.losses.loss_tester import LossTester


def shorter(given):
    features = given.features["vgg"]
    return given._replace(features={"vgg": features._replace(target={"fine": features.target["fine"]})})


MISFITS = ((shorter, ValueError, "shorter"),)


class TestPerceptual(LossTester):
    term = Perceptual
    refused = MISFITS


class TestStyle(LossTester):
    term = Style
    refused = MISFITS


class TestPerceptualL2(LossTester):
    term = partial(PerceptualL2, "vgg")
    refused = MISFITS


class TestPerceptualL2OfKnownPixels(LossTester):
    term = partial(PerceptualL2, "vgg", known_only=True)
    refused = MISFITS


def test_squares_of_known_pixels_alone():
    f, mask = random_features(), (torch.rand(2, 1, 10, 12) < 0.4).float()
    weights = {name: F.interpolate(1 - mask, shape[2:], mode="bilinear") for name, shape in LAYERS.items()}
    expected = sum((w * (f.raw[name] - f.target[name]) ** 2).mean() for name, w in weights.items())
    term = PerceptualL2(known_only=True)
    found = term(LossInput(None, None, None, mask, {"resnet": f}))
    torch.testing.assert_close(found, expected)


LAYERS = {"fine": (2, 4, 5, 3), "coarse": (2, 6, 2, 2)}


def random_features():
    return Features(*({name: torch.randn(shape) for name, shape in LAYERS.items()} for _ in range(3)))


def loss_of(term, features):
    return term(LossInput(None, None, None, None, {term.extractor: features})).item()


def l1_by_numpy(answer, truth):
    return sum(np.abs(a.double().numpy() - t.double().numpy()).mean() for a, t in zip(answer, truth, strict=True))


def gram_by_loops(features):
    f = features.double().numpy()
    batch, channels, height, width = f.shape
    out = np.zeros((batch, channels, channels))
    for b, i, j in np.ndindex(out.shape):
        out[b, i, j] = (f[b, i] * f[b, j]).sum() / (channels * height * width)
    return torch.from_numpy(out)


@pytest.mark.parametrize(("term", "of"), [(Perceptual, lambda level: level), (Style, gram_by_loops)])
@pytest.mark.parametrize("layers", [None, ["coarse"]])
def test_raw_and_composite_are_compared_with_the_target(term, of, layers):
    f = random_features()
    raw, composite, target = ([of(levels[name]) for name in layers or levels] for levels in f)
    expected = l1_by_numpy(raw, target) + l1_by_numpy(composite, target)
    assert loss_of(term("resnet", layers), f) == pytest.approx(expected, rel=1e-5)


def test_layers_that_are_not_there_are_named():
    with pytest.raises(InlayError, match=r"loss\.extractors\.vgg has no layer relu9, but fine, coarse"):
        loss_of(Perceptual(layers=["relu9"]), random_features())


def test_style_does_not_see_where_a_texture_lies():
    f = random_features()
    turned = {name: level.flip(-1) for name, level in f.target.items()}
    assert loss_of(Style(), f._replace(raw=turned, composite=turned)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("dtype", "wide"), [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)]
)
def test_gram_is_of_float32_at_least_also_under_autocast(dtype, wide):
    features = torch.randn(1, 4, 5, 3, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        inside = gram(features)
    assert inside.dtype == wide
    assert torch.equal(inside, gram(features))


def test_gram_of_huge_features_is_right_and_finite():
    features = (6e4 * torch.rand(1, 64, 16, 16)).half()
    torch.testing.assert_close(gram(features).double(), gram_by_loops(features), rtol=1e-4, atol=0)
    features = torch.full((1, 4, 32, 32), 1e19)  # squared, summed over 1024 pixels and then divided: infinite
    assert gram(features).isfinite().all()
