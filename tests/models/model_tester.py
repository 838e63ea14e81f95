"""What every network that fills holes has to do. A new one gets all of it by standing in ``conf/model``."""

import functools

import pytest
import torch
from hydra.utils import get_class, instantiate

from inlay.models.base import InpaintingNetwork
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
TINY_LAMA = ["model.width=8", "model.blocks=2"]
SMALL = {  # what to set so that a test takes a second
    "pconv": ["model.width=8", "model.levels=4"],
    **dict.fromkeys(["lama", "lama_big", "lama_small", "lama_regular", "lama_dilated"], TINY_LAMA),
    "aot": ["model.width=8", "model.blocks=2"],
    "aot_small": ["model.width=8", "model.blocks=2"],
    "deepfill": ["model.width=4"],
    "deepfill_small": ["model.width=4"],
    "mobile": ["model.channels=[8,8,16,16,16]"],
    "tdanet": TINY_TDANET,
    "tdanet_official5": TINY_TDANET,
}


@functools.cache  # composing takes longer than most tests of what is composed
def settings(name, *overrides):
    return configure(f"model={name}", "data.root=none", *SMALL.get(name, []), *overrides).model


def fills(name):
    return issubclass(get_class(settings(name)._target_), InpaintingNetwork)


NAMES = [name for name in sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml")) if fills(name)]


def build(name, *overrides):
    torch.manual_seed(0)
    return instantiate(settings(name, *overrides))


def text(batch=2, words=5, dim=8):
    draw = torch.Generator().manual_seed(2)
    sentence, said = torch.randn(batch, dim, generator=draw), torch.randn(batch, words, dim, generator=draw)
    return TextFeatures(said, sentence, torch.arange(words).expand(batch, -1) < words - 1)


def conditions(net, image, rows=slice(None)):
    """Whatever a network declares to take, for pictures that are these rows of a batch of two."""
    given = {}
    if net.takes_text:
        given["text"] = TextFeatures(*(feature[rows] for feature in text(dim=net.text_dim)))
    if net.takes_reference:
        given["reference"] = torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(4))[rows]
    if net.noise_spec is not None:
        given["noise"] = net.noise_spec.draw(image, [7, 8][rows])
    return given


def ask(net, image, mask, rows=slice(None)):
    return net.inpaint(image, mask, **conditions(net, image, rows))


def scene(size=(64, 64), batch=2):
    image = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(batch, 1, *size)
    mask[..., size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = 1
    return image, mask


@pytest.mark.parametrize("name", NAMES)
class ModelTester:
    @pytest.mark.parametrize("size", [(64, 64), (63, 65), (17, 100), (128, 33), (1, 1)])
    def test_takes_any_size(self, name, size):
        image, mask = scene(size)
        raw = ask(build(name).eval(), image, mask)
        assert raw.shape[-2:] == image.shape[-2:]
        assert raw.shape[1] in (1, 3)
        assert raw.isfinite().all()

    def test_forward_takes_the_sizes_that_are_declared(self, name):
        net = build(name).eval()
        side = -(-net.smallest_size // net.size_multiple) * net.size_multiple
        net.check_size(side, side)
        image, mask = scene((side, side + net.size_multiple))
        raw = net(erase(image, mask), mask, **conditions(net, image))
        assert torch.equal(raw, ask(net, image, mask))

    def test_never_sees_the_hole(self, name):
        image, mask = scene()
        net = build(name).eval()
        poisoned = torch.where(mask > 0, torch.full_like(image, float("nan")), image)
        assert torch.equal(ask(net, image, mask), ask(net, poisoned, mask))

    def test_what_it_declares_to_take_changes_the_output(self, name):
        image, mask = scene()
        net = shaken(build(name)).eval()
        given = conditions(net, image)
        raw = net.inpaint(image, mask, **given)
        for key, value in given.items():
            other = TextFeatures(*(x.flip(0) for x in value)) if key == "text" else value.flip(0)
            assert not torch.equal(raw, net.inpaint(image, mask, **given | {key: other})), key

    def test_every_parameter_that_is_used_gets_a_gradient(self, name):
        image, mask = scene()
        net = shaken(build(name))
        net.for_inference()
        ask(net, image, mask).square().mean().backward()
        assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["nothing", "half", "everything"])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_is_finite_whatever_is_hole(self, name, dtype, share):
        image, mask = scene()
        mask[:] = 0
        mask[..., : int(64 * share), :] = 1
        net = build(name)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            raw = ask(net, image, mask)
        assert raw.isfinite().all()
        if dtype == torch.float16:
            return  # no run trains in it
        raw.float().square().mean().backward()
        assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)

    def test_batch_equals_singles_in_eval_mode(self, name):
        image, mask = scene()
        net = build(name).eval()
        together = ask(net, image, mask)
        alone = torch.cat([ask(net, image[one], mask[one], one) for one in (slice(0, 1), slice(1, 2))])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_weights_survive_a_round_trip_and_train_and_eval_return_the_network(self, name):
        image, mask = scene()
        net, other = build(name), shaken(build(name))
        assert net.train() is net.eval() is net
        other.load_state_dict(net.state_dict())
        assert torch.equal(ask(net, image, mask), ask(other.eval(), image, mask))

    # of the compiler's own, when what it is handed was computed rather than given
    @pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
    @pytest.mark.slow
    def test_compiles_without_renaming_weights(self, name):
        image, mask = scene()
        net = build(name).eval()
        keys, eager = list(net.state_dict()), ask(net, image, mask)
        net.compile(backend="eager", fullgraph=True)
        torch.testing.assert_close(ask(net, image, mask), eager)
        assert list(net.state_dict()) == keys


def shaken(net):
    """With other weights than its first: gates that begin closed let nothing through, and no gradient."""
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.1)
    return net
