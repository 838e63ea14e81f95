"""What every network that fills holes has to do. A new one gets all of it by standing in ``conf/model``."""

import functools
import inspect

import pytest
import torch
from hydra.utils import instantiate

from inlay.models.tdanet import Noise
from inlay.ops import erase
from inlay.types import TextFeatures
from tests.composing import configure
from tests.conftest import ROOT

TINY_TDANET = [
    "model.encoder_channels=[8,8,8,8]",
    "model.encoder_strides=[2,1,2,2]",
    "model.encoder_tap=-2",
    "model.decoder_channels=[8,8,8]",
    "model.text_dim=8",
    "model.latent=8",
    "model.fusion_width=8",
]
SMALL = {  # what to set so that a test takes a second
    "pconv": ["model.width=8", "model.levels=4"],
    "tdanet": TINY_TDANET,
    "tdanet_official5": TINY_TDANET,
    "damsm": ["model.trunk=resnet18", "model.weights=random"],
}
OTHERS = {"damsm"}  # these fill no holes
NAMES = sorted({path.stem for path in (ROOT / "conf/model").glob("*.yaml")} - OTHERS)


@functools.cache  # composing takes longer than most tests of what is composed
def settings(name, *overrides):
    return configure(f"model={name}", "data.root=none", *SMALL.get(name, []), *overrides).model


def build(name, *overrides):
    torch.manual_seed(0)
    return instantiate(settings(name, *overrides))


def reads(net):
    return "text" in inspect.signature(net.forward).parameters


def text(batch=2, words=5, dim=8):
    """Features as a text encoder makes them."""
    draw = torch.Generator().manual_seed(2)
    sentence, said = torch.randn(batch, dim, generator=draw), torch.randn(batch, words, dim, generator=draw)
    return TextFeatures(said, sentence, torch.arange(words).expand(batch, -1) < words - 1)


def ask(net, masked, mask, rows=slice(None)):
    """What a network answers, with a text where it takes one."""
    if not reads(net):
        return net(masked, mask)
    return net(masked, mask, TextFeatures(*(feature[rows] for feature in text())))


def trained(net, image, mask):
    """Everything that a network answers in training, in one number."""
    if not reads(net):
        return net(erase(image, mask), mask).square().mean()
    with torch.no_grad():  # closed gates give what stands behind them a gradient of zero
        net.generator.attention.gamma.fill_(0.5)
        net.generator.attention.alpha.fill_(0.5)
    paths = net.paths(image, mask, text(), Noise(*torch.randn(2, *net.latent_shape(image))))
    return torch.stack([picture.square().mean() for path in (paths.out, paths.rec) for picture in path.pictures]).sum()


def scene(size=(64, 64), batch=2):
    image = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(batch, 1, *size)
    mask[..., size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = 1
    return image, mask


@pytest.mark.parametrize("name", NAMES)
class ModelTester:
    def test_answers_for_the_whole_frame(self, name):
        image, mask = scene()
        assert ask(build(name), erase(image, mask), mask).shape == image.shape

    @pytest.mark.parametrize("size", [(64, 96), (63, 65), (17, 100), (128, 33)])
    def test_takes_any_size(self, name, size):
        image, mask = scene(size)
        raw = ask(build(name).eval(), erase(image, mask), mask)
        assert raw.shape == image.shape
        assert raw.isfinite().all()

    def test_never_sees_the_hole(self, name):
        image, mask = scene()
        net = build(name).eval()
        poisoned = torch.where(mask > 0, torch.full_like(image, float("nan")), image)
        assert torch.equal(ask(net, erase(image, mask), mask), ask(net, erase(poisoned, mask), mask))

    def test_every_parameter_gets_a_gradient(self, name):
        image, mask = scene()
        net = build(name)
        trained(net, image, mask).backward()
        assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["nothing", "half", "everything"])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_is_finite_whatever_is_hole(self, name, dtype, share):
        image, mask = scene()
        mask[:] = 0
        mask[..., : int(64 * share), :] = 1
        net = build(name)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            raw = ask(net, erase(image, mask), mask)
        raw.float().square().mean().backward()
        assert raw.isfinite().all()
        assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)

    def test_batch_equals_singles_in_eval_mode(self, name):
        image, mask = scene()
        net, masked = build(name).eval(), erase(image, mask)
        together = ask(net, masked, mask)
        singles = [slice(i, i + 1) for i in range(2)]
        alone = torch.cat([ask(net, masked[one], mask[one], one) for one in singles])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_weights_survive_a_round_trip(self, name):
        image, mask = scene()
        net, other = build(name).eval(), build(name)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(1)
        other.load_state_dict(net.state_dict())
        assert torch.equal(ask(net, erase(image, mask), mask), ask(other.eval(), erase(image, mask), mask))

    def test_train_and_eval_return_the_network(self, name):
        net = build(name)
        assert net.train() is net
        assert net.eval() is net

    # of the compiler's own, when what it is handed was computed rather than given
    @pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
    @pytest.mark.slow
    def test_compiles_without_renaming_weights(self, name):
        image, mask = scene()
        net = build(name).eval()
        keys, eager = list(net.state_dict()), ask(net, erase(image, mask), mask)
        net.compile(backend="eager", fullgraph=True)
        torch.testing.assert_close(ask(net, erase(image, mask), mask), eager)
        assert list(net.state_dict()) == keys
