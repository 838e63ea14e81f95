import logging

import pytest
import torch

from inlay.errors import InlayError
from inlay.models import LaMa
from inlay.models.lama.refinement import eroded, levels
from inlay.ops import erase
from tests.models.model_tester import scene


def test_levels_follow_the_short_side():
    assert [levels(side, 4000) for side in (256, 512, 720, 730, 1400, 1460, 3000)] == [1, 1, 1, 2, 2, 3, 3]


def test_erosion_takes_seven_pixels():
    mask = torch.zeros(1, 1, 40, 40, dtype=torch.bool)
    mask[..., 10:30, 5:35] = True
    inner = torch.zeros(1, 1, 40, 40)
    inner[..., 17:23, 12:28] = 1
    assert torch.equal(eroded(mask), inner)
    assert eroded(torch.ones(1, 1, 20, 20, dtype=torch.bool)).all()


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = LaMa(width=4, blocks=1).eval()
    for norm in net.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_var.fill_(0.4)
    return net


def test_a_large_picture_comes_closer_to_its_known_pixels(net, caplog):
    net.for_inference(refine=True, refine_steps=8, refine_lr=0.5)
    image, mask = (x[:, :, :736, :740] for x in scene((736, 744), batch=1))
    image = torch.nn.functional.avg_pool2d(image, 9, 1, 4)
    with torch.inference_mode(), caplog.at_level(logging.INFO):
        refined = net.inpaint(image, mask)
        net.refinement = None
        plain = net.inpaint(image, mask)
    errors = [((raw - image).abs() * (1 - mask)).mean() for raw in (refined, plain)]
    assert refined.shape == image.shape
    assert errors[0] < 0.99 * errors[1]
    assert "2 sizes up to 744x736, about 24 passes" in caplog.text
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_small_picture_is_filled_as_without(net):
    image, mask = scene((64, 72))
    net.for_inference(refine=True)
    with torch.inference_mode():
        refined = net(erase(image, mask), mask)
        net.refinement = None
        assert torch.equal(refined, net(erase(image, mask), mask))


def test_beyond_the_budget_the_filling_is_enlarged(net):
    net.for_inference(refine=True, refine_pixels=512**2, refine_steps=1)
    image, mask = scene((600, 640), batch=1)
    with torch.inference_mode():
        assert net.inpaint(image, mask).shape == image.shape


@pytest.mark.parametrize("options", [{"refine_steps": 0}, {"refine_lr": 0}, {"refine_pixels": 100}])
def test_bad_options_are_named(net, options):
    with pytest.raises(InlayError, match=next(iter(options))):
        net.for_inference(refine=True, **options)
