import logging
from unittest.mock import Mock
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from inlay.errors import InlayError
from inlay.models.damsm import DAMSM


@pytest.fixture
def small():
    """Heads on a frozen random trunk of 64 px."""
    return DAMSM("resnet18", "random", dim=8, size=64)


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", Mock(side_effect=URLError("unreachable")))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def resnet18():
    """torchvision's, with running statistics that a wrong order would show."""
    net = torchvision.models.resnet18().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return net


def seen(net, image, *children):
    found = {}
    for child in children:
        getattr(net, child).register_forward_hook(lambda *a, child=child: found.setdefault(child, a[-1]))
    with torch.no_grad():
        net(image)
    return [found[child] for child in children]


def test_published_size_and_shapes(caplog):
    with caplog.at_level(logging.WARNING):
        net = DAMSM(weights="random")
    assert "model.weights=random" in caplog.text
    assert sum(p.numel() for p in net.parameters()) == 22_506_720
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == 721_152
    features = net(torch.rand(1, 3, 40, 48))
    assert features.regions.shape == (1, 256, 17, 17)
    assert features.whole.shape == (1, 256)


def test_inception_is_torchvisions(tmp_path):
    net = torchvision.models.inception_v3(init_weights=False).eval()  # aux_logits and fc in the file, as published
    torch.save(net.state_dict(), tmp_path / "inception.pth")
    image = torch.rand(1, 3, 299, 299)
    regions, pooled = seen(net, image * 2 - 1, "Mixed_6e", "avgpool")
    trunk = DAMSM(weights=str(tmp_path / "inception.pth")).trunk
    torch.testing.assert_close(trunk(image), (regions, pooled.flatten(1)), rtol=1e-4, atol=1e-5)


def test_resnet_is_torchvisions_and_heads_are_linear(tmp_path):
    net = resnet18()
    torch.save(net.state_dict(), tmp_path / "resnet.pth")
    image = torch.rand(2, 3, 96, 96)
    preset = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    normal = torchvision.transforms.functional.normalize(image, preset.mean, preset.std)
    regions, pooled = seen(net, normal, "layer3", "avgpool")
    damsm = DAMSM("resnet18", str(tmp_path / "resnet.pth"), dim=8, size=96)
    expected = (
        torch.einsum("dc,bchw->bdhw", damsm.to_regions.weight[..., 0, 0], regions),
        pooled.flatten(1) @ damsm.to_whole.weight.T + damsm.to_whole.bias,
    )
    torch.testing.assert_close(tuple(damsm(image)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "places"), [(64, 4), (128, 8), (224, 14)])
@pytest.mark.parametrize("shape", [(64, 64), (100, 50)])
def test_any_picture_is_resized(size, places, shape):
    features = DAMSM("resnet18", "random", dim=8, size=size)(torch.rand(1, 3, *shape))
    assert features.regions.shape == (1, 8, places, places)


def test_a_smaller_picture_is_resized_with_antialiasing(small):
    board = (torch.arange(192)[:, None] + torch.arange(192)) % 2
    gray = torch.full((1, 3, 64, 64), 0.5)
    for seen, expected in zip(small(board.float().expand(1, 3, -1, -1)), small(gray), strict=True):
        assert F.cosine_similarity(seen.flatten(1), expected.flatten(1)) > 0.99


def test_frozen_trunk_stays_as_it_is_and_passes_gradient_into_the_picture(small):
    small.train()
    before = {key: value.clone() for key, value in [*small.trunk.named_parameters(), *small.trunk.named_buffers()]}
    parts = small(image := torch.rand(2, 3, 64, 64, requires_grad=True))
    for part in parts:
        (gradient,) = torch.autograd.grad(part.square().sum(), image, retain_graph=True)
        assert (gradient.abs().sum(dim=(1, 2, 3)) > 0).all()
    sum(part.square().sum() for part in parts).backward()
    assert small.training
    assert not any(module.training for module in small.trunk.modules())
    assert all(p.grad is None for p in small.trunk.parameters())
    now = dict([*small.trunk.named_parameters(), *small.trunk.named_buffers()])
    assert all(torch.equal(value, now[key]) for key, value in before.items())


def test_random_weights_of_a_frozen_trunk_are_always_equal_and_leave_the_stream_of_the_run_alone(small):
    assert set(small.state_dict()) == {"to_regions.weight", "to_whole.weight", "to_whole.bias"}
    torch.manual_seed(7)
    expected = nn.Conv2d(256, 8, 1, bias=False).weight
    torch.manual_seed(7)
    other = DAMSM("resnet18", "random", dim=8, size=64)
    assert torch.equal(other.to_regions.weight, expected)
    other.load_state_dict(small.state_dict())
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(other(image).whole, small(image).whole)


def test_trainable_trunk_is_trained_and_kept():
    net = DAMSM("resnet18", "random", dim=8, size=64, trainable=True).train()
    sum(part.square().sum() for part in net(torch.rand(2, 3, 64, 64))).backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert net.trunk.near.bn1.num_batches_tracked == 1
    other = DAMSM("resnet18", "random", dim=8, size=64, trainable=True)
    assert not torch.equal(other.trunk.near.conv1.weight, net.trunk.near.conv1.weight)  # drawn, not always equal
    other.load_state_dict(net.state_dict())
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(other.eval()(image).whole, net.eval()(image).whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_is_finite_in_half_precision(small, dtype):
    with torch.autocast("cpu", dtype=dtype):
        assert all(part.isfinite().all() for part in small(torch.rand(2, 3, 64, 64)))


def test_compiles_without_renaming_weights(small):
    image = torch.rand(2, 3, 64, 64)
    keys, eager = list(small.state_dict()), small(image)
    small.compile(backend="eager", fullgraph=True)
    torch.testing.assert_close(small(image), eager)
    assert list(small.state_dict()) == keys


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trunk": "vgg16"}, r"model\.trunk must be one of inception_v3, resnet18, got 'vgg16'"),
        ({"dim": 0}, r"model\.dim must be at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(change, message):
    with pytest.raises(InlayError, match=message):
        DAMSM(**{"weights": "random"} | change)


@pytest.mark.parametrize(("trunk", "smallest"), [("inception_v3", 75), ("resnet18", 32)])
def test_the_smallest_size_works_and_a_smaller_one_is_refused(trunk, smallest):
    assert DAMSM(trunk, "random", dim=8, size=smallest)(torch.rand(1, 3, 80, 80)).whole.isfinite().all()
    with pytest.raises(InlayError, match=rf"model\.size must be at least {smallest} for {trunk}, got {smallest - 1}"):
        DAMSM(trunk, "random", size=smallest - 1)


def test_imagenet_comes_from_the_cache_and_may_be_without_batch_norm_counters(empty_cache):
    state = {key: value for key, value in resnet18().state_dict().items() if "num_batches" not in key}
    torch.save(state, empty_cache / "resnet18-f37072fd.pth")
    assert torch.equal(DAMSM("resnet18", "imagenet").trunk.near.conv1.weight, state["conv1.weight"])


@pytest.mark.parametrize(
    ("trunk", "file"), [("inception_v3", "inception_v3_google-0cc3c7bd.pth"), ("resnet18", "resnet18-f37072fd.pth")]
)
def test_imagenet_without_network_says_which_file_goes_where(empty_cache, caplog, trunk, file):
    with caplog.at_level(logging.WARNING), pytest.raises(InlayError, match=r"unreachable.*weights=PATH") as caught:
        DAMSM(trunk)
    assert f"downloading {trunk} to {empty_cache / file}" in caplog.text
    assert f"Put {file} (torchvision's ImageNet weights) at {empty_cache / file}" in str(caught.value)


def test_other_files_are_an_error_of_one_line(tmp_path):
    cut = resnet18().state_dict() | {"conv1.weight": torch.zeros(1)}
    for content in ({"conv1.weight": torch.zeros(1)}, [1], cut):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(InlayError, match=r"^model\.weights=.*other\.pth: not a state dict of .*resnet18"):
            DAMSM("resnet18", str(tmp_path / "other.pth"))
