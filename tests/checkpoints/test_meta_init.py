import subprocess
import sys

import pytest
import torch
from hydra.utils import instantiate

from inlay.checkpoints.meta_init import EmptyWeights, load_weights
from inlay.models import PConvUNet
from tests.models.model_tester import NAMES, ask, scene, settings


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_is_filled_is_the_one_that_gave_the_weights(name):
    torch.manual_seed(0)
    net = instantiate(settings(name)).eval()
    with EmptyWeights():
        empty = instantiate(settings(name))
    assert all(parameter.is_meta for parameter in empty.parameters() if parameter.dim() > 1)
    load_weights(empty, net.state_dict())
    for (key, own), (other, given) in zip(empty.state_dict().items(), net.state_dict().items(), strict=True):
        assert (key, own.stride()) == (other, given.stride())
        assert own.data_ptr() != given.data_ptr()
    assert [p.requires_grad for p in empty.parameters()] == [p.requires_grad for p in net.parameters()]
    picture, mask = scene()
    assert torch.equal(ask(empty.eval(), picture * (1 - mask), mask), ask(net, picture * (1 - mask), mask))


def test_what_is_no_weight_is_computed_and_what_is_frozen_stays_so():
    with EmptyWeights():
        assert torch.equal(torch.arange(3.0) / torch.ones(3), torch.tensor([0.0, 1.0, 2.0]))
        assert torch.equal(torch.mv(torch.eye(2), torch.ones(2)), torch.ones(2))
        assert torch.zeros(3).normal_().abs().sum() > 0
        net = PConvUNet(levels=4, width=4, freeze_encoder_bn=True)
    assert not torch.empty(1).is_meta
    load_weights(net, PConvUNet(levels=4, width=4).state_dict())
    frozen = [name for name, parameter in net.named_parameters() if not parameter.requires_grad]
    assert len(frozen) == 6  # scale and shift of three norms
    assert all(name.startswith("encoder.") and ".norm." in name for name in frozen)


@pytest.mark.slow
def test_pytorch_does_not_import_its_compiler_for_it():
    code = (
        "import sys; from inlay.checkpoints.meta_init import EmptyWeights; from inlay.models import PConvUNet, TDANet\n"
        "with EmptyWeights(): PConvUNet(), TDANet()\n"
        "print([name for name in ('sympy', 'torch._dynamo', 'torchvision') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
