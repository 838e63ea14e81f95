"""Checkpointing changes how much memory a step takes, and nothing else."""

from unittest.mock import Mock

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inlay.errors import InlayError
from inlay.models.layers import checkpointed, gradient_checkpointing, spectral
from tests.models import model_tester
from tests.models.model_tester import NAMES, ask, scene, settings, shaken
from tests.training import train, weights

WITH = "model.gradient_checkpointing=true"
NETS = [name for name in NAMES if "gradient_checkpointing" in settings(name)]
ONE_A_CLASS = sorted({settings(name)["_target_"]: name for name in reversed(NETS)}.values())
FROZEN = ("pconv", "model.freeze_encoder_bn=true")


def build(*given):
    """Without what only training needs, which no step of the tests would reach."""
    net = shaken(model_tester.build(*given))
    net.for_inference()
    return net


def steps(net, dtype=torch.float32, count=2):
    """Losses, gradients and buffers of consecutive steps of training, and the weights they end in."""
    optimizer, seen = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.01), []
    torch.manual_seed(3)
    for _ in range(count):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            loss = ask(net, *scene()).square().mean()
        loss.backward()
        seen += [loss.detach(), *(p.grad.clone() for group in optimizer.param_groups for p in group["params"])]
        seen += [buffer.clone() for buffer in net.buffers()]
        optimizer.step()
    return [*seen, *net.state_dict().values()]


def same(some, others):
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


class Memory(TorchDispatchMode):
    """Bytes of what is made under it, now and at most; what belongs to the network does not count."""

    def __init__(self, net):
        super().__init__()
        held = [*net.parameters(), *net.buffers(), *(p.grad for p in net.parameters())]
        self.known = {StorageWeakRef(tensor.untyped_storage()).cdata for tensor in held}
        self.live, self.now, self.most = {}, 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for storage in (leaf.untyped_storage() for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor)):
            if (reference := StorageWeakRef(storage)).cdata not in self.known:
                self.live[reference.cdata] = reference, storage.nbytes()
        self.live = {key: held for key, held in self.live.items() if not held[0].expired()}
        self.now = sum(size for _, size in self.live.values())
        self.most = max(self.most, self.now)
        return made


@pytest.mark.parametrize("given", [*([name] for name in NETS), FROZEN], ids=" ".join)
def test_two_steps_are_the_same_bit_for_bit(given):
    assert same(steps(build(*given)), steps(build(*given, WITH)))


@pytest.mark.parametrize("name", ONE_A_CLASS)
class TestEveryNetwork:
    def test_moving_buffers_would_be_seen(self, name, monkeypatch):
        monkeypatch.setattr(gradient_checkpointing, "_Repeatable", lambda part: part)
        assert not same(steps(build(name)), steps(build(name, WITH)))

    def test_half_precision_is_the_same(self, name):
        for plain, again in zip(*(steps(build(name, *on), torch.bfloat16) for on in ((), (WITH,))), strict=True):
            torch.testing.assert_close(again, plain, rtol=1e-3, atol=1e-5)

    def test_a_step_takes_less_memory(self, name):
        kept, most = [], []
        for net in (build(name), build(name, WITH)):
            for parameter in net.parameters():
                parameter.grad = torch.zeros_like(parameter)
            with Memory(net) as memory:
                loss = ask(net, *scene()).square().mean()
                kept.append(memory.now)
                loss.backward()
            most.append(memory.most)
        assert 0 < kept[1] < 0.5 * kept[0]
        assert 0 < most[1] < 0.75 * most[0]

    def test_only_training_is_checkpointed(self, name, monkeypatch):
        net, (image, mask), checkpoint = build(name, WITH), scene(), Mock(wraps=gradient_checkpointing.checkpoint)
        monkeypatch.setattr(gradient_checkpointing, "checkpoint", checkpoint)
        ask(net.eval(), image, mask).sum().backward()
        with torch.no_grad():
            ask(net.train(), image, mask)
        assert not checkpoint.called
        ask(net, image, mask)
        assert checkpoint.call_count > 5

    def test_weights_keep_their_names_and_compiling_is_refused(self, name):
        net, old = build(name, WITH), build(name, "~model.gradient_checkpointing")
        assert (net.gradient_checkpointing, old.gradient_checkpointing) == (True, False)
        assert list(net.state_dict()) == list(old.state_dict())
        with pytest.raises(InlayError, match=r"gradient_checkpointing must be false where task\.compile is true"):
            net.compile()


class TestCheckpointed:
    """The function itself, on a part that draws and remembers."""

    def part(self):
        torch.manual_seed(0)
        return nn.Sequential(spectral(nn.Conv2d(3, 8, 3)), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Conv2d(8, 2, 3))

    def gradients(self, part, passes=1, **options):
        torch.manual_seed(1)
        x = torch.randn(2, 3, 8, 8, requires_grad=True)
        total = sum(checkpointed(part, x, **options).square().sum() for _ in range(2))  # twice in one graph
        wanted = [x, *part.parameters()]
        found = [torch.autograd.grad(total, wanted, retain_graph=True) for _ in range(passes)]
        return [*found[-1], *part.state_dict().values(), torch.rand(3)]

    @pytest.mark.parametrize("passes", [1, 2])
    def test_draws_and_buffers_are_those_of_the_first_time(self, passes):
        assert same(self.gradients(self.part(), enabled=False), self.gradients(self.part(), passes))


def test_training_ends_in_the_same_weights(tmp_path, picture_folder):
    for name, on in (("plain", []), ("again", [WITH])):
        train(tmp_path / name, f"data.root={picture_folder}", "iterations=2", *on)
    plain, again = (weights(tmp_path / name)["state_dict"].values() for name in ("plain", "again"))
    assert same(plain, again)
