"""What every network of Inlay has to do. A new one gets all of it by standing in ``conf/model``."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from inlay.ops import erase
from tests.conftest import ROOT

SMALL = {"pconv": ["model.width=8", "model.levels=4"]}  # what to set so that a test takes a second
NAMES = sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml"))


def build(name, *overrides):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"model={name}", "data.root=none", *SMALL.get(name, []), *overrides])
    torch.manual_seed(0)
    return instantiate(cfg.model)


def scene(size=(64, 64), batch=2):
    image = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(batch, 1, *size)
    mask[..., size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = 1
    return image, mask


@pytest.mark.parametrize("name", NAMES)
class ModelTester:
    def test_answers_for_the_whole_frame(self, name):
        image, mask = scene()
        assert build(name)(erase(image, mask), mask).shape == image.shape

    @pytest.mark.parametrize("size", [(64, 96), (63, 65), (17, 100), (128, 33)])
    def test_takes_any_size(self, name, size):
        image, mask = scene(size)
        raw = build(name).eval()(erase(image, mask), mask)
        assert raw.shape == image.shape
        assert raw.isfinite().all()

    def test_never_sees_the_hole(self, name):
        image, mask = scene()
        net = build(name).eval()
        poisoned = torch.where(mask > 0, torch.full_like(image, float("nan")), image)
        assert torch.equal(net(erase(image, mask), mask), net(erase(poisoned, mask), mask))

    def test_every_parameter_gets_a_gradient(self, name):
        image, mask = scene()
        net = build(name)
        net(erase(image, mask), mask).square().mean().backward()
        assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["nothing", "half", "everything"])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_is_finite_whatever_is_hole(self, name, dtype, share):
        image, mask = scene()
        mask[:] = 0
        mask[..., : int(64 * share), :] = 1
        net = build(name)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            raw = net(erase(image, mask), mask)
        raw.float().square().mean().backward()
        assert raw.isfinite().all()
        assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)

    def test_batch_equals_singles_in_eval_mode(self, name):
        image, mask = scene()
        net, masked = build(name).eval(), erase(image, mask)
        together = net(masked, mask)
        alone = torch.cat([net(masked[i : i + 1], mask[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_weights_survive_a_round_trip(self, name):
        image, mask = scene()
        net, other = build(name).eval(), build(name)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(1)
        other.load_state_dict(net.state_dict())
        assert torch.equal(net(erase(image, mask), mask), other.eval()(erase(image, mask), mask))

    def test_train_and_eval_return_the_network(self, name):
        net = build(name)
        assert net.train() is net
        assert net.eval() is net

    def test_compiles_without_renaming_weights(self, name):
        image, mask = scene()
        net = build(name).eval()
        keys, eager = list(net.state_dict()), net(erase(image, mask), mask)
        net.compile(backend="eager", fullgraph=True)
        torch.testing.assert_close(net(erase(image, mask), mask), eager)
        assert list(net.state_dict()) == keys
