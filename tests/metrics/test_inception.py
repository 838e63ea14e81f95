import pytest
import torch

from inlay.errors import InlayError, Missing
from inlay.metrics import FeatureExtractor, inception
from inlay.metrics.inception import InceptionFeatures


def reference(monkeypatch):
    """torch-fidelity's own network with random weights."""
    own = pytest.importorskip("torch_fidelity", reason="needs torch-fidelity").FeatureExtractorInceptionV3
    with monkeypatch.context() as patch:  # it would download its own, and drawing the first ones takes long
        patch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(own, "load_state_dict", lambda *_: None)
        for layer in (torch.nn.Conv2d, torch.nn.Linear):
            patch.setattr(layer, "reset_parameters", lambda _: None)
        net = own("inception-v3-compat", ["2048"])
    drawn = {key: windows(value) if value.ndim > 1 else value for key, value in net.state_dict().items()}
    net.load_state_dict(drawn, assign=True)
    return net


def windows(weights):
    """Random weights that are windows of one row, which is drawn in no time."""
    strides = (11, 7, 3, 1)[: weights.ndim]
    length = 1 + sum((n - 1) * step for n, step in zip(weights.shape, strides, strict=True))
    return (torch.randn(length) * (2 / weights[0].numel()) ** 0.5).as_strided(weights.shape, strides)


def test_features_are_torch_fidelitys_own_of_8_bit_pictures(monkeypatch, tmp_path):
    net = reference(monkeypatch)
    whole = {key: value.contiguous() for key, value in net.state_dict().items()}  # windows are more than their file
    torch.save(whole, tmp_path / "inception.pth")
    pixels = torch.randint(256, (2, 3, 40, 56), dtype=torch.uint8)
    network = InceptionFeatures(str(tmp_path / "inception.pth"))
    features = network.features(pixels / 255 + 1e-3)  # a file would round it away
    (expected,) = net(pixels)
    assert (expected[0] - expected[1]).abs().mean() > 0.01 * expected.abs().mean()  # pictures do not look alike
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())
    assert torch.equal(features[1:], network.features(pixels[1:] / 255))  # whatever the batch
    assert isinstance(network, FeatureExtractor)


class Code:
    """A file that runs something when it is unpickled without care."""

    def __reduce__(self):
        return pytest.fail, ("code of a file was run",)


@pytest.mark.parametrize("content", [Code(), [1], {"fc.weight": torch.zeros(1)}], ids=["code", "list", "other net"])
def test_file_of_something_else_is_an_error_of_one_line(tmp_path, content):
    pytest.importorskip("torch_fidelity", reason="needs torch-fidelity")
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(InlayError, match=r"^weights\.inception=.*other\.pth: not a state dict of .*Inception.*$"):
        InceptionFeatures(str(tmp_path / "other.pth"))


def test_what_is_missing_is_named(monkeypatch):
    with pytest.raises(Missing, match=r"Get weights-inception-2015-12-05-6726825d\.pth from https://.*=PATH"):
        InceptionFeatures(None)
    with pytest.raises(InlayError, match=r"^weights\.inception=nowhere\.pth: no such file\. Get weights-inception"):
        InceptionFeatures("nowhere.pth")
    monkeypatch.setattr(inception, "find_spec", lambda _: None)
    with pytest.raises(Missing, match="pip install torch-fidelity"):
        InceptionFeatures("any.pth")
