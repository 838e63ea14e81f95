import logging
from unittest.mock import Mock
from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import nn

from inlay.errors import InlayError
from inlay.losses import VGG16Features, VGG19Features


class Trunk(torchvision.models.VGG):
    """torchvision's VGG up to pool3: the rest is 99 % of its weights, and nothing here looks at it."""

    def __init__(self, features, **_):
        nn.Module.__init__(self)
        self.features = features[:17]


@pytest.fixture
def trunk(monkeypatch):
    monkeypatch.setattr(torchvision.models.vgg, "VGG", Trunk)


@pytest.fixture
def empty_cache(monkeypatch, tmp_path, trunk):
    """A fresh cache of torch.hub and no network; where the weights belong."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", Mock(side_effect=URLError("unreachable")))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints/vgg16-397923af.pth"


def test_levels_are_torchvisions_pools(trunk, tmp_path):
    net = torchvision.models.vgg16().eval()
    torch.save(net.state_dict(), tmp_path / "vgg.pth")
    image = torch.rand(2, 3, 24, 32)
    preset = torchvision.models.VGG16_Weights.IMAGENET1K_V1.transforms()
    normal = torchvision.transforms.functional.normalize(image, preset.mean, preset.std)
    expected = {f"pool{n}": net.features[:stop](normal) for n, stop in enumerate((5, 10, 17), 1)}
    torch.testing.assert_close(VGG16Features(str(tmp_path / "vgg.pth"))(image), expected, rtol=1e-4, atol=1e-5)


def test_normalization_moves_with_the_module_and_leaves_the_input_alone(trunk, caplog):
    with caplog.at_level(logging.WARNING):
        vgg = VGG16Features("random").double()
    assert "loss.extractors.vgg.weights=random" in caplog.text
    image = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    before = image.clone()
    assert all(level.dtype == torch.float64 for level in vgg(image).values())
    assert torch.equal(image, before)
    assert vgg.state_dict() == {}
    assert not any(p.requires_grad for p in vgg.parameters())


def test_whole_vgg16_of_torchvision_fits(monkeypatch, tmp_path):
    (tmp_path / "vgg16.pth").touch()
    with torch.device("meta"):  # shapes alone
        saved = torchvision.models.vgg16().state_dict()
        monkeypatch.setattr("inlay.pretrained.weights.load_plain", lambda _: saved)
        assert len(VGG16Features(str(tmp_path / "vgg16.pth")).blocks) == 3


def test_imagenet_comes_from_the_cache(empty_cache):
    net = torchvision.models.vgg16()
    torch.save(net.state_dict(), empty_cache)
    assert torch.equal(VGG16Features("imagenet").blocks[0][0].weight, net.features[0].weight)


def test_imagenet_without_network_says_which_file_goes_where(empty_cache, caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(InlayError, match=r"unreachable.*weights=PATH") as caught:
        VGG16Features("imagenet")
    assert f"downloading VGG16 to {empty_cache}" in caplog.text
    assert f"Put vgg16-397923af.pth (torchvision's ImageNet weights) at {empty_cache}" in str(caught.value)


@pytest.mark.parametrize("weights", ["imagenet", "path"])
@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"PK\x03\x04" + b"\0" * 100], ids=["empty", "web page", "cut off"]
)
def test_spoiled_file_is_an_error_of_one_line(empty_cache, weights, content):
    empty_cache.write_bytes(content)
    with pytest.raises(InlayError, match=rf"^loss\.extractors\.vgg\.weights=.*{empty_cache}.*\.$"):
        VGG16Features(str(empty_cache) if weights == "path" else weights)


def test_other_files_and_paths_of_none_are_errors_of_one_line(trunk, tmp_path):
    for content in ({"features.0.weight": torch.zeros(1)}, [1]):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(InlayError, match=r"^loss\.extractors\.vgg\.weights=.*other\.pth: not a state dict of .*$"):
            VGG16Features(str(tmp_path / "other.pth"))
    for path, said in (
        ("nowhere.pth", r"nowhere.pth: no such file.*'imagenet' or 'random'"),
        ("", "not a state dict"),
    ):
        with pytest.raises(InlayError, match=said):
            VGG16Features(str(tmp_path / path))


@pytest.mark.parametrize(("pool", "layers"), [("average", None), ("max", ["relu2_2", "relu5_2"])])
def test_vgg19_has_every_relu_or_those_asked_for_and_either_pooling(tmp_path, pool, layers):
    net = torchvision.models.vgg19().eval()
    torch.save(net.state_dict(), tmp_path / "vgg19.pth")
    image = torch.rand(1, 3, 32, 32)
    preset = torchvision.models.VGG19_Weights.IMAGENET1K_V1.transforms()
    x, level, expected = torchvision.transforms.functional.normalize(image, preset.mean, preset.std), [1, 0], {}
    for layer in net.features[:32]:
        if isinstance(layer, nn.MaxPool2d):
            x, level = layer(x) if pool == "max" else torch.nn.functional.avg_pool2d(x, 2), [level[0] + 1, 0]
        else:
            x = layer(x)
        if isinstance(layer, nn.ReLU):
            level[1] += 1
            expected["relu{}_{}".format(*level)] = x.clone()
    found = VGG19Features(str(tmp_path / "vgg19.pth"), layers, pool)(image)
    assert list(found) == (layers or list(expected)[:-1])
    torch.testing.assert_close(found, {name: expected[name] for name in found}, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"layers": ["relu6_1"]}, {"pool": "min"}])
def test_what_vgg19_has_not_is_named(options):
    with pytest.raises(InlayError, match=f"loss.extractors.vgg.{next(iter(options))}"):
        VGG19Features("random", **options)
