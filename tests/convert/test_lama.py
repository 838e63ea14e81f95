import json
import os

import pytest
import torch
from torch import nn

from benchmarks.measuring.naive_lama import NaiveLaMa
from inlay.checkpoints import build_network
from inlay.convert import import_lama
from inlay.errors import InlayError
from inlay.models import LaMa, PatchDiscriminator
from inlay.ops import erase
from tests.convert import layouts


@pytest.fixture(scope="module")
def original():
    torch.manual_seed(0)
    net = NaiveLaMa(width=4, blocks=9)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 2)
    return net.eval()


def generator(net):
    return {f"generator.{key}": value for key, value in net.state_dict().items()}


def published(path, state, **others):
    """As Lightning 1.2 wrote it."""
    torch.save({"state_dict": state, "epoch": 3, "pytorch-lightning_version": "1.2.9"} | others, path)
    return path


def answers(imported, path, original):
    torch.save(imported.checkpoint, path)
    image, hole = layouts.scenes(64, 72)
    with torch.inference_mode():
        return build_network(path)(erase(image, hole), hole), original(erase(image, hole), hole)


class Executed:
    """An object whose pickle runs a command."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


def test_2_every_published_key_of_big_lama_has_its_place(tmp_path, shared_data):
    described = json.loads((shared_data.parent / "specs/foreign_checkpoints/big_lama.json").read_text())
    with torch.device("meta"):
        ours = LaMa(blocks=18).state_dict() | {
            f"discriminators.0.{key}": value for key, value in PatchDiscriminator().state_dict().items()
        }
    one = torch.zeros(1)  # all of them look into it, or the file would have 230 MB
    state = {
        key: torch.tensor(0) if not shape else one.expand(shape)
        for key, shape in (described["generator"] | described["discriminator"]).items()
    }
    imported = import_lama(published(tmp_path / "best.ckpt", {k: v.clone() for k, v in state.items()}))
    found = {key.removeprefix("net."): value.shape for key, value in imported.checkpoint["state_dict"].items()}
    assert found == {key: value.shape for key, value in ours.items()}
    assert imported.report.endswith("1021 keys: 1021 carried over, 0 left out")


def test_computes_what_the_original_computes(tmp_path, original):
    folder = tmp_path / "big-lama"
    (folder / "models").mkdir(parents=True)
    published(folder / "models" / "best.ckpt", generator(original) | {"val_evaluator.x": torch.ones(2)})
    imported = import_lama(folder)
    assert "val_evaluator.x (2,) left out" in imported.report
    torch.testing.assert_close(*answers(imported, tmp_path / "ours.ckpt", original), atol=1e-5, rtol=0)


def test_what_adam_remembers_has_the_names_of_its_weights(tmp_path, original):
    """Running means that equal the weights they belong to equal them under our names, too."""
    adam = {
        number: {"step": 7, "exp_avg": value.detach(), "exp_avg_sq": value.detach().square()}
        for number, value in enumerate(original.parameters())
    }
    states = [{"state": adam}, {"state": {}}]
    imported = import_lama(published(tmp_path / "best.ckpt", generator(original), optimizer_states=states))
    held = imported.checkpoint["state_dict"]
    for key, _ in LaMa(width=4, blocks=9).named_parameters():
        torch.testing.assert_close(held[f"optimizers.net.{key}.exp_avg"], held[f"net.{key}"])
        torch.testing.assert_close(held[f"optimizers.net.{key}.exp_avg_sq"], held[f"net.{key}"].square())
        assert held[f"optimizers.net.{key}.step"] == 7
    del adam[0]
    imported = import_lama(published(tmp_path / "best.ckpt", generator(original), optimizer_states=states))
    assert "optimizer_states.0 left out" in imported.report


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_2_no_code_of_a_checkpoint_runs(tmp_path, original):
    canary = tmp_path / "canary"
    others = {"callbacks": {Executed: 1}, "hyper_parameters": Executed(canary)}
    import_lama(published(tmp_path / "best.ckpt", generator(original), **others))
    assert not canary.exists()


class Wrapped(nn.Module):
    def __init__(self, name, inner):
        super().__init__()
        self.add_module(name, inner)
        self.name = name

    def forward(self, masked, mask):
        return getattr(self, self.name)(masked, mask)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_torchscript_gives_its_tensors(tmp_path, original):
    image, hole = layouts.scenes(32, 32)
    traced = torch.jit.trace(Wrapped("model", Wrapped("generator", original)), (image, hole), check_trace=False)
    traced.save(tmp_path / "big-lama.pt")
    imported = import_lama(tmp_path / "big-lama.pt")
    torch.testing.assert_close(*answers(imported, tmp_path / "ours.ckpt", original), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("generator.model.7.conv1.bn_g.bias"), r"1 keys are missing: model\.7\.conv1\.bn_g\.bias"),
        (lambda s: s.update({"generator.more": torch.ones(1)}), r"1 keys are not known: more"),
        (lambda s: s.update({"generator.model.19.bias": torch.ones(5)}), r"other shapes: model\.19\.bias"),
        (lambda s: [s.pop(key) for key in list(s) if ".13." in key], "8 Fourier blocks"),
        (lambda s: s.clear(), "0 Fourier blocks"),
    ],
)
def test_2_what_does_not_fit_is_named(tmp_path, original, change, said):
    state = generator(original)
    change(state)
    with pytest.raises(InlayError, match=said):
        import_lama(published(tmp_path / "best.ckpt", state))


def test_files_that_are_no_archives_are_refused(tmp_path):
    for path in (tmp_path / "none.ckpt", tmp_path):
        with pytest.raises(InlayError, match=r"no such file|best\.ckpt"):
            import_lama(path)
    (tmp_path / "text.ckpt").write_text("weights")
    with pytest.raises(InlayError, match="cannot be read as an archive"):
        import_lama(tmp_path / "text.ckpt")
    torch.save({"state_dict": {"generator.a": torch.zeros(1).expand(10**6)}}, tmp_path / "expanded.ckpt")
    with pytest.raises(InlayError, match="cannot be read as an archive"):
        import_lama(tmp_path / "expanded.ckpt")
