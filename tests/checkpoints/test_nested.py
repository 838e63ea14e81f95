"""Networks that are made of networks: rebuilt from their file alone, of classes that a group admits."""

import ast
import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from inlay import checkpoints
from inlay.checkpoints import build_network
from inlay.checkpoints.groups import ARGUMENTS, admitted, check_rebuildable, without_copies
from inlay.checkpoints.meta_init import EmptyWeights
from inlay.errors import InlayError
from inlay.export.folder import write_folder
from inlay.text import GRUEncoder
from tests.export.examples import WORDS, named, write

HOME = "inlay.models.three_parts"


class Encoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(4, width, 3, padding=1)

    def forward(self, x):
        return self.conv(x).relu()


class Decoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, 3, 3, padding=1)
        self.register_buffer("scale", torch.full((1,), 0.5), persistent=False)

    def forward(self, x):
        return self.conv(x) * self.scale


class Whole(nn.Module):
    def __init__(self, encoders, decoder, text, activation):
        super().__init__()
        self.encoders, self.decoder, self.text = nn.ModuleDict(encoders), nn.Sequential(*decoder), text
        self.activation = activation()

    def forward(self, masked, mask):
        x = torch.cat([masked, mask], dim=1)
        return self.activation(self.decoder(self.encoders["near"](x) + self.encoders["far"](x)))


class Sigmoid(nn.Sigmoid):
    pass


@pytest.fixture(autouse=True)
def home(monkeypatch):
    module = ModuleType(HOME)
    module.os = __import__("os")
    for kind in (Encoder, Decoder, Whole, Sigmoid):
        monkeypatch.setattr(kind, "__module__", HOME)
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, HOME, module)


def config(width=4):
    encoder = {"_target_": f"{HOME}.Encoder", "width": width}
    return {
        "_target_": f"{HOME}.Whole",
        "encoders": {"near": encoder, "far": dict(encoder)},
        "decoder": [{"_target_": f"{HOME}.Decoder", "width": width}],
        "text": {"_target_": "inlay.text.GRUEncoder", **WORDS},
        "activation": {"_target_": f"{HOME}.Sigmoid", "_partial_": True},
    }


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Whole({"near": Encoder(4), "far": Encoder(4)}, [Decoder(4)], GRUEncoder(**WORDS), Sigmoid).eval()


def saved(path, net, model):
    return write(path, named(net=net), {"model": model})


def test_a_network_of_nested_parts_is_rebuilt_from_its_file_and_from_an_exported_folder(net, tmp_path):
    path = saved(tmp_path / "a.ckpt", net, config())
    write_folder(tmp_path / "a", checkpoints.read(path), "")
    masked, mask = torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    for place in (path, tmp_path / "a"):
        found = build_network(place)
        assert not found.training
        assert torch.equal(found(masked, mask), net(masked, mask))
        assert found.text.tokenizer.ids == net.text.tokenizer.ids


@pytest.mark.stranger("18.1")
@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"_target_": "os.mkdir", "path": "trace"}, "not an allowed network"),
        ({"_target_": f"{HOME}.os.mkdir", "path": "trace"}, "not an allowed network"),
        ({"_target_": "torch.nn.Linear", "in_features": 1}, "not an allowed network"),
        ({"_target_": "inlay.losses.WeightedSum"}, "not an allowed network"),
        ({"_target_": f"{HOME}.Decoder", "_args_": [4]}, "_args_"),
        ({"_partial_": True, "width": 4}, "not an allowed network"),
        ({"_target_": f"{HOME}.Decoder", "width": 10**9}, "1,000,000,000 of something"),
        ({"_target_": f"{HOME}.Decoder", "width": 9_000}, "size mismatch"),
        ({"_target_": f"{HOME}.Decoder", "width": (4,)}, "as an argument"),
        ({1: 2}, "not to be trusted"),
        (ast.literal_eval("[" * 30 + "]" * 30), "levels"),
        ([{"_target_": f"{HOME}.Decoder", "width": 1000}] * 2000, "more weights than the file"),
    ],
)
def test_parts_that_are_not_admitted_or_do_not_fit_or_fill_the_memory_are_refused(
    part, said, net, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "a.ckpt", net, config() | {"decoder": part if isinstance(part, list) else [part]})
    with pytest.raises(InlayError, match=said):
        build_network(path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.stranger("18.1")
def test_places_in_nested_settings_of_a_folder_are_refused(net, tmp_path):
    path = saved(tmp_path / "a.ckpt", net, config())
    write_folder(tmp_path / "a", checkpoints.read(path), "")
    file = tmp_path / "a/config.json"
    file.write_text(file.read_text().replace('"width": 4', '"width": "../x.pth"'))
    with pytest.raises(InlayError, match="could be a file elsewhere"):
        build_network(tmp_path / "a")


def test_weights_beyond_the_state_dict_are_missed(net, tmp_path, monkeypatch):
    def init(self, width):
        nn.Module.__init__(self)
        self.conv = nn.Conv2d(width, 3, 3, padding=1)
        self.register_buffer("scale", torch.empty(1), persistent=False)

    monkeypatch.setattr(Decoder, "__init__", init)
    with pytest.raises(InlayError, match=r"decoder\.0\.scale is not among them"):
        build_network(saved(tmp_path / "a.ckpt", net, config()))


def test_groups_admit_what_their_packages_define_and_other_parts_nobody_could_open():
    with EmptyWeights():
        assert admitted("inlay.models.PConvUNet", "model") is admitted("inlay.models.pconv.PConvUNet", "model")
    assert admitted("inlay.models.PConvUNet", "text") is None
    assert admitted("torch.optim.AdamW", "optimizer") is torch.optim.AdamW
    assert admitted("torch.optim.lr_scheduler.LinearLR", "optimizer") is None
    for odd in ("torch.optim.sys.exit", "inlay.models..os", "inlay.models.__init__.TDANet", "", None, "os", "model"):
        assert admitted(odd, "model") is None
    assert [*ARGUMENTS.values()] == ["net", "loss", "optimizer", "scheduler"]  # in which weights are drawn
    check_rebuildable(config(), "model")
    with pytest.raises(InlayError, match=r"torch\.nn\.Identity is no class of inlay\.models"):
        check_rebuildable(config() | {"decoder": [{"_target_": "torch.nn.Identity"}]}, "model")


def test_what_a_task_takes_from_a_group_stands_once_in_a_checkpoint():
    text = {"_target_": "inlay.text.GRUEncoder", **WORDS}
    config = {"text": text, "text_image": None, "task": {"text": dict(text), "text_image": None, "r1": 0.0}}
    assert without_copies(config) == {"text": text, "text_image": None, "task": {"text_image": None, "r1": 0.0}}
