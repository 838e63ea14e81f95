from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchmetrics
import torchvision
from torch import nn

from inlay.errors import InlayError, Missing
from inlay.metrics.base import FillResult
from inlay.metrics.lpips import LPIPS

LAYERS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}  # the ReLUs that the paper looks at
HEADS = Path(torchmetrics.__file__).parent / "functional/image/lpips_models"


class Convolutions(nn.Module):
    """Of a network of torchvision the convolutions alone: the rest is most of its weights and is not looked at."""

    def __init__(self, features, **_):
        super().__init__()
        self.features = features


@pytest.fixture(autouse=True, scope="module")
def _light_vgg():
    patch = pytest.MonkeyPatch()
    patch.setattr(torchvision.models.vgg, "VGG", Convolutions)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def backbones(tmp_path_factory):
    torch.manual_seed(0)
    nets = {"alex": torchvision.models.alexnet(), "vgg": torchvision.models.vgg16()}
    files = {name: tmp_path_factory.mktemp("weights") / f"{name}.pth" for name in nets}
    for name, net in nets.items():
        for bias in (p for p in net.parameters() if p.ndim == 1):  # zeros would hide that they are loaded
            nn.init.normal_(bias, std=0.1)
        kept = {key: value for key, value in net.state_dict().items() if key.startswith("features.")}
        torch.save(kept, files[name])
    return {name: (net.features.double().eval(), str(files[name])) for name, net in nets.items()}


@pytest.fixture(scope="module")
def alex(backbones):
    return LPIPS(backbones["alex"][1])


def expected(features, backbone, a, b):
    """Zhang et al. 2018, eq. 1, in float64, with the constants of the authors' scaling layer."""
    heads = torch.load(HEADS / f"{backbone}.pth", map_location="cpu", weights_only=True)
    shift, scale = torch.tensor([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]]).double().view(2, 1, 3, 1, 1)
    total = 0
    for head, layer in enumerate(LAYERS[backbone]):
        x, y = (F.normalize(features[: layer + 1]((2 * side - 1 - shift) / scale), dim=1) for side in (a, b))
        weights = heads[f"lin{head}.model.1.weight"].double()
        total = total + ((x - y).square() * weights).sum(1).mean((1, 2))
    return total


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_equals_the_formula_in_float64(backbones, backbone):
    features, file = backbones[backbone]
    a, b = torch.rand(2, 2, 3, 48, 40, dtype=torch.float64)
    distance = LPIPS(file, backbone).distance(a, b)
    assert distance.dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(distance.double(), expected(features, backbone, a, b), rtol=2e-5, atol=0)


def test_compares_the_answer_with_the_truth_in_one_column_whatever_the_batch(alex):
    filled, image = torch.rand(2, 3, 3, 32, 32)
    columns = alex(FillResult(filled, torch.ones(3, 1, 32, 32), image))
    assert list(columns) == [metric.column for metric in alex.specs] == ["lpips"]
    assert torch.equal(columns["lpips"], alex.distance(image, filled))  # it is symmetric
    assert not columns["lpips"].requires_grad
    assert torch.equal(columns["lpips"], torch.cat([alex.distance(image[[i]], filled[[i]]) for i in range(3)]))
    assert torch.equal(alex.distance(image, image), torch.zeros(3))


def test_the_other_backbones_weights_are_refused(backbones):
    with pytest.raises(InlayError, match=r"not a state dict of torchvision's VGG16.*Get vgg16-397923af\.pth"):
        LPIPS(backbones["alex"][1], "vgg")


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_min_side_is_the_least(backbones, backbone):
    lpips = LPIPS(backbones[backbone][1], backbone)
    side = lpips.min_side
    assert lpips.distance(*torch.rand(2, 1, 3, side, side)) > 0
    with pytest.raises(RuntimeError):
        lpips.distance(*torch.rand(2, 1, 3, side, side - 1))
    small = torch.rand(1, 3, 64, side - 1)
    assert lpips(FillResult(small, small[:, :1], small)) == {}


def test_no_weights_are_missing_and_a_missing_path_and_the_backbones_are_named():
    with pytest.raises(Missing, match=r"AlexNet.*alexnet-owt-7be5be79\.pth from https://.*weights\.lpips=PATH"):
        LPIPS(None)
    with pytest.raises(Missing, match=r"vgg16-397923af\.pth"):
        LPIPS(None, "vgg")
    for name in ("nowhere.pth", "imagenet"):
        with pytest.raises(InlayError, match=rf"^weights\.lpips={name}: no such file\. Get alexnet-owt"):
            LPIPS(name)
    with pytest.raises(InlayError, match="must be alex or vgg, got squeeze"):
        LPIPS("any", "squeeze")


@pytest.mark.parametrize("content", [{"features.0.weight": torch.zeros(1)}, [1], nn.Linear(1, 1), "<html>"], ids=type)
def test_file_of_something_else_is_an_error_of_one_line(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    if content == "<html>":
        (tmp_path / "other.pth").write_text("<html>404</html>")
    with pytest.raises(InlayError, match=r"^weights\.lpips=.*other\.pth: not a state dict of torchvision's AlexNet.*$"):
        LPIPS(str(tmp_path / "other.pth"))
