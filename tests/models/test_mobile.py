import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inlay.errors import InlayError
from inlay.models import MobileUNet
from inlay.ops import erase
from tests.models.model_tester import scene, shaken


def test_it_is_small():
    with torch.device("meta"):
        net = MobileUNet()
        with FlopCounterMode(display=False) as counter:
            net(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256))
    assert sum(parameter.numel() for parameter in net.parameters()) <= 6e6
    assert counter.get_total_flops() / 2 <= 11e9


def test_folding_batch_norm_changes_nothing_and_leaves_plain_convolutions():
    image, mask = scene((64, 96))
    net = shaken(MobileUNet(channels=(8, 8, 16)))
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_mean.normal_(generator=torch.Generator().manual_seed(0))
    before = net.eval()(erase(image, mask), mask)
    net.for_inference()
    torch.testing.assert_close(net(erase(image, mask), mask), before, atol=1e-5, rtol=0)
    layers = {type(module) for module in net.modules() if not list(module.children())}
    assert layers == {nn.Conv2d, nn.Identity}


@pytest.mark.parametrize("options", [{"channels": (8,)}, {"rates": (0,)}])
def test_bad_options_are_named(options):
    with pytest.raises(InlayError, match=f"model.{next(iter(options))}"):
        MobileUNet(**options)
