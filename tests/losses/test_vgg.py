import logging
from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import nn

from inlay.errors import InlayError
from inlay.losses import VGG16Features
from inlay.losses.vgg import IMAGENET_MEAN, IMAGENET_STD


class Trunk(torchvision.models.VGG):
    """torchvision's VGG up to pool3: the rest is 99 % of its weights, and nothing here looks at it."""

    def __init__(self, features, **_):
        nn.Module.__init__(self)
        self.features = features[:17]


@pytest.fixture
def trunk(monkeypatch):
    monkeypatch.setattr(torchvision.models.vgg, "VGG", Trunk)


@pytest.fixture
def vgg(trunk):
    return VGG16Features("random")


@pytest.fixture
def empty_cache(monkeypatch, tmp_path, trunk):
    """A fresh cache of torch.hub and no network; where the weights belong."""

    def unreachable(*_, **__):
        raise URLError("unreachable")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "urlopen", unreachable)
    return tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth"


def test_levels_are_torchvisions_pools(trunk, tmp_path):
    net = torchvision.models.vgg16().eval()
    torch.save(net.state_dict(), tmp_path / "vgg.pth")
    image = torch.rand(2, 3, 24, 32)
    normal = torchvision.transforms.functional.normalize(image, IMAGENET_MEAN, IMAGENET_STD)
    expected = [net.features[:stop](normal) for stop in (5, 10, 17)]
    torch.testing.assert_close(VGG16Features(str(tmp_path / "vgg.pth"))(image), expected, rtol=1e-4, atol=1e-5)


def test_normalization_is_that_of_the_weights():
    preset = torchvision.models.VGG16_Weights.IMAGENET1K_V1.transforms()
    assert list(IMAGENET_MEAN) == preset.mean
    assert list(IMAGENET_STD) == preset.std


def test_levels_have_the_documented_shapes(vgg):
    shapes = [tuple(level.shape) for level in vgg(torch.rand(2, 3, 16, 24))]
    assert shapes == [(2, 64, 8, 12), (2, 128, 4, 6), (2, 256, 2, 3)]


def test_no_parameter_is_trained(vgg):
    assert list(vgg.parameters())
    assert not any(p.requires_grad for p in vgg.parameters())


def test_stays_in_eval_mode(vgg):
    nn.Sequential(vgg).train()
    assert not any(module.training for module in vgg.modules())


def test_absent_from_a_checkpoint(vgg):
    assert set(nn.Sequential(nn.Linear(1, 1), vgg).state_dict()) == {"0.weight", "0.bias"}


def test_a_parent_loads_strictly(vgg):
    before = [p.clone() for p in vgg.parameters()]
    parent = nn.Sequential(nn.Linear(1, 1), vgg)
    parent.load_state_dict(nn.Sequential(nn.Linear(1, 1)).state_dict(), strict=True)
    assert all(torch.equal(p, b) for p, b in zip(vgg.parameters(), before, strict=True))


def test_normalization_moves_with_the_module(vgg):
    assert all(level.dtype == torch.float64 for level in vgg.double()(torch.rand(1, 3, 8, 8, dtype=torch.float64)))


def test_input_is_left_alone(vgg):
    image = torch.rand(1, 3, 8, 8)
    before = image.clone()
    vgg(image)
    assert torch.equal(image, before)


def test_compare_is_the_features_of_each(vgg):
    raw, composite, image = torch.rand(3, 2, 3, 16, 16)
    expected = tuple(vgg(x) for x in (raw, composite, image))
    torch.testing.assert_close(tuple(vgg.compare(raw, composite, image)), expected, rtol=1e-4, atol=1e-6)


def test_no_gradient_into_the_truth(vgg):
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    assert not any(level.requires_grad for level in vgg.compare(image, image, image).image)


@pytest.mark.parametrize("which", ["raw", "composite"])
def test_gradient_flows_to_the_answer(vgg, which):
    given = {name: torch.rand(1, 3, 16, 16) for name in ("raw", "composite", "image")}
    answer = given[which].requires_grad_()
    sum(level.sum() for level in getattr(vgg.compare(**given), which)).backward()
    assert answer.grad.abs().sum() > 0


def test_random_weights_are_announced(trunk, caplog):
    with caplog.at_level(logging.WARNING):
        VGG16Features("random")
    assert "loss.extractors.vgg.weights=random" in caplog.text


def test_whole_vgg16_of_torchvision_fits(monkeypatch, tmp_path):
    (tmp_path / "vgg16.pth").touch()
    with torch.device("meta"):  # shapes alone
        saved = torchvision.models.vgg16().state_dict()
        monkeypatch.setattr("inlay.pretrained.torchvision.load_plain", lambda _: saved)
        assert len(VGG16Features(str(tmp_path / "vgg16.pth")).blocks) == 3


def test_imagenet_comes_from_the_cache(empty_cache):
    net = torchvision.models.vgg16()
    empty_cache.parent.mkdir(parents=True)
    torch.save(net.state_dict(), empty_cache)
    assert torch.equal(VGG16Features("imagenet").blocks[0][0].weight, net.features[0].weight)


def test_imagenet_without_network_says_which_file_goes_where(empty_cache):
    with pytest.raises(InlayError) as caught:
        VGG16Features("imagenet")
    assert f"Put vgg16-397923af.pth (torchvision's ImageNet weights) at {empty_cache}" in str(caught.value)
    assert "loss.extractors.vgg.weights=PATH" in str(caught.value)
    assert "unreachable" in str(caught.value)


def test_imagenet_download_is_announced(empty_cache, caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(InlayError):
        VGG16Features("imagenet")
    assert f"downloading VGG16 to {empty_cache}" in caplog.text


@pytest.mark.parametrize("weights", ["imagenet", "path"])
@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"PK\x03\x04" + b"\0" * 100], ids=["empty", "web page", "cut off"]
)
def test_spoiled_file_is_an_error_of_one_line(empty_cache, weights, content):
    empty_cache.parent.mkdir(parents=True)
    empty_cache.write_bytes(content)
    with pytest.raises(InlayError, match=r"^loss\.vgg\.weights=.*\.$") as caught:
        VGG16Features(str(empty_cache) if weights == "path" else weights)
    assert str(empty_cache) in str(caught.value)


@pytest.mark.parametrize("content", [{"features.0.weight": torch.zeros(1)}, [1]], ids=["other net", "list"])
def test_file_of_something_else_is_an_error_of_one_line(trunk, tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(InlayError, match=r"^loss\.vgg\.weights=.*other\.pth: not a state dict of .*\.$"):
        VGG16Features(str(tmp_path / "other.pth"))


def test_missing_path_is_named(trunk, tmp_path):
    with pytest.raises(InlayError, match=r"nowhere\.pth: no such file.*'imagenet' or 'random'"):
        VGG16Features(str(tmp_path / "nowhere.pth"))


def test_folder_is_refused(trunk, tmp_path):
    with pytest.raises(InlayError, match="not a state dict"):
        VGG16Features(str(tmp_path))
