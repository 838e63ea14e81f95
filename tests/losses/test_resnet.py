"""The dilated ResNet-50 of LaMa's perceptual loss (specification, sections 1.5 and 6.3)."""

import pytest
import torch

from inlay.errors import InlayError
from inlay.losses import ResNet50Features
from inlay.losses.resnet import DilatedResNet50


@pytest.fixture(scope="module")
def features():
    return ResNet50Features("random")


def test_1_it_has_the_published_size(features):
    assert sum(parameter.numel() for parameter in features.trunk.parameters()) == 23_631_808
    assert len(torch.nn.Module.state_dict(features.trunk)) == 330


def test_stages_have_the_documented_shapes(features):
    shapes = [tuple(level.shape[1:]) for level in features(torch.rand(1, 3, 64, 48)).values()]
    assert shapes == [(256, 16, 12), (512, 8, 6), (1024, 8, 6), (2048, 8, 6)]


def test_dilation_is_that_of_the_published_encoder(features):
    dilations = [[block.conv2.dilation[0] for block in getattr(features.trunk, f"layer{stage}")] for stage in (2, 3, 4)]
    assert dilations == [[1] * 4, [1, *[2] * 5], [2, 4, 4]]


def test_13_batch_norm_stays_in_eval_mode(features):
    parent = torch.nn.ModuleList([features]).train()
    before = {name: buffer.clone() for name, buffer in features.named_buffers()}
    image = torch.rand(2, 3, 32, 32)
    first = features(image)
    assert not any(module.training for module in features.modules())
    assert all(torch.equal(before[name], buffer) for name, buffer in features.named_buffers())
    torch.testing.assert_close(features(image[:1])["layer4"], first["layer4"][:1], atol=1e-4, rtol=1e-4)
    assert parent.state_dict() == {}


@pytest.mark.parametrize("change", [lambda s: s, lambda s: {f"module.{k}": v for k, v in s.items()}])
def test_published_weights_are_loaded(tmp_path, change):
    trunk = DilatedResNet50()
    state = {key: value for key, value in trunk.state_dict().items() if "num_batches" not in key}  # of PyTorch 0.4
    torch.save(change(state), tmp_path / "encoder_epoch_20.pth")
    loaded = ResNet50Features(str(tmp_path / "encoder_epoch_20.pth"))
    assert torch.equal(loaded.trunk.layer4[2].conv2.weight, trunk.layer4[2].conv2.weight)


def test_missing_weights_name_the_file_its_source_and_what_does_without(tmp_path):
    for weights in (None, str(tmp_path / "none.pth")):
        with pytest.raises(InlayError, match=r"epoch_20\.pth from http.*weights=PATH.*loss=lama_vgg.*lama_pixel"):
            ResNet50Features(weights)
    torch.save({"conv1.weight": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(InlayError, match="not a state dict of"):
        ResNet50Features(str(tmp_path / "other.pth"))
