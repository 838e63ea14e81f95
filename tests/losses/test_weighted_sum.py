from functools import partial

import pytest
import torch
from torch import nn

from inlay.errors import InlayError
from inlay.losses import HoleL1, Perceptual, Style, TotalVariationLoss, ValidL1, WeightedSum
from inlay.losses.perceptual import feature_l1, gram
from inlay.losses.pixel import hole_l1, total_variation, valid_l1
from inlay.losses.vgg import IMAGENET_STD
from inlay.models.frozen import Frozen
from inlay.ops import composite
from tests.losses.loss_tester import sample

PIXEL = {"valid": (1, ValidL1), "hole": (6, HoleL1), "tv": (0.1, TotalVariationLoss)}
PAPER = PIXEL | {"perceptual": (0.05, Perceptual), "style": (120, Style)}


class TinyVGG(Frozen):
    """Two small blocks in VGG's place."""

    def __init__(self, seed=7):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.freeze()

    def forward(self, image):
        x = self.first(image)
        return {"first": x, "second": self.second(x)}


VGG = {"vgg": TinyVGG}


def terms(**weights):
    """The paper's terms with the weights named here in place of the paper's."""
    return {name: {"weight": weights.get(name, weight), "term": term} for name, (weight, term) in PAPER.items()}


def batch():
    raw, image, mask = sample(height=8, width=8)
    return raw, composite(raw, image, mask), image, mask


def unwanted():
    raise AssertionError("VGG was built though no term needs it")


def test_total_and_its_gradient_are_those_of_the_papers_equation():
    raw, image, mask = sample(height=8, width=8)
    filled, vgg = composite(raw.requires_grad_(), image, mask), TinyVGG()
    r, c, t = (list(vgg(x).values()) for x in (raw, filled, image))
    rg, cg, tg = ([gram(level) for level in levels] for levels in (r, c, t))
    expected = (
        valid_l1(raw, image, mask)
        + 6 * hole_l1(raw, image, mask)
        + 0.1 * total_variation(filled, mask)
        + 0.05 * (feature_l1(r, t) + feature_l1(c, t))
        + 120 * (feature_l1(rg, tg) + feature_l1(cg, tg))
    )
    total, _ = WeightedSum(terms(), VGG)(raw, filled, image, mask)
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, raw, retain_graph=True) for loss in (total, expected)))


@pytest.mark.stranger("17.C.2")
def test_imagenets_space_is_that_of_normalized_pictures_and_others_are_refused():
    """Valid and hole alone: L1 of (x - mean) / std, about 4.43 times that in [0, 1]."""
    raw, filled, image, mask = batch()
    total, values = WeightedSum(terms(), VGG, pixel_space="imagenet")(raw, filled, image, mask)
    plain_total, plain = WeightedSum(terms(), VGG)(raw, filled, image, mask)
    error = ((raw - image) / torch.tensor(IMAGENET_STD).view(3, 1, 1)).abs()
    torch.testing.assert_close(values["hole"], (mask * error).mean())
    torch.testing.assert_close(values["valid"], ((1 - mask) * error).mean())
    assert all(values[name] == plain[name] for name in ("tv", "perceptual", "style"))
    moved = sum(weight * (values[name] - plain[name]) for name, weight in (("valid", 1), ("hole", 6)))
    torch.testing.assert_close(total, plain_total + moved)
    with pytest.raises(InlayError, match=r"loss\.pixel_space must be rgb or imagenet, got 'lab'"):
        WeightedSum(terms(), VGG, pixel_space="lab")


def test_terms_come_back_by_name_without_weights_and_gradient_and_nothing_is_trained_or_saved():
    raw, filled, image, mask = batch()
    loss = WeightedSum(terms(), VGG)
    total, values = loss(raw.requires_grad_(), filled, image, mask)
    assert set(values) == set(PAPER)
    assert values["hole"] == hole_l1(raw, image, mask)
    assert total.requires_grad
    assert not any(x.requires_grad for x in (*values.values(), *loss.parameters()))
    assert loss.state_dict() == {}


def test_terms_of_weight_zero_and_extractors_for_no_term_are_not_built():
    loss = WeightedSum(terms(tv=0) | {"gone": {"weight": 0, "term": unwanted}}, VGG)
    assert set(loss.terms) == set(loss(*batch())[1]) == set(PAPER) - {"tv"}
    assert not WeightedSum(terms(perceptual=0, style=0), {"vgg": unwanted}).extractors
    for absent in ("perceptual", "style"):
        assert set(WeightedSum(terms(**{absent: 0}), VGG | {"clip": unwanted}).extractors) == {"vgg"}


class RawOnly(Perceptual):
    needs_composite = False


def test_each_extractor_runs_once_over_what_its_terms_compare():
    """The target once, and in one pass the outputs of the network that are asked for."""
    given = terms() | {"hrf": {"weight": 30, "term": partial(RawOnly, "resnet", ["second"])}}
    loss, passes = WeightedSum(given, VGG | {"resnet": partial(TinyVGG, 8)}), {"vgg": [], "resnet": []}
    for name, seen in passes.items():
        loss.extractors[name].register_forward_hook(lambda _, inputs, __, seen=seen: seen.append(len(inputs[0])))
    raw, filled, image, mask = batch()
    _, values = loss(raw, filled, image, mask)
    assert passes == {"vgg": [2, 4], "resnet": [2, 2]}
    resnet = TinyVGG(8)
    expected = (resnet(raw)["second"] - resnet(image)["second"]).abs().mean()
    torch.testing.assert_close(values["hrf"], expected)


FINITE = r"loss\.terms\.tv\.weight must be finite and at least 0, got"


@pytest.mark.parametrize(
    ("given", "extractors", "said"),
    [
        *((terms(tv=weight), VGG, FINITE) for weight in (-1, float("nan"), float("inf"), -float("inf"))),
        (terms(**dict.fromkeys(PAPER, 0)), VGG, "every weight is 0"),
        (terms(), {}, r"loss\.extractors\.vgg is missing"),
    ],
)
def test_sums_of_nothing_are_refused(given, extractors, said):
    with pytest.raises(InlayError, match=said):
        WeightedSum(given, extractors)


def test_bfloat16_answer_gives_a_float32_loss():
    raw, _, image, mask = batch()
    raw = raw.bfloat16()
    total, _ = WeightedSum(terms(), VGG)(raw, composite(raw, image, mask), image, mask)
    assert total.dtype == torch.float32
