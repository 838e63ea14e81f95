import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from inlay.errors import InlayError
from inlay.fillers import CLASSICAL, CheckpointFiller, NetworkFiller, Telea, load_filler
from inlay.models import PConvUNet
from tests.conftest import ROOT
from tests.export.examples import write_pconv


@pytest.fixture
def checkpoint(tmp_path):
    return write_pconv(tmp_path / "last.ckpt")


def test_a_checkpoint_is_a_path_also_one_called_as_a_classical_filler(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("telea", "best"):
        checkpoint.with_name(name).write_bytes(checkpoint.read_bytes())
    assert isinstance(load_filler("telea"), Telea)
    for path in (str(checkpoint), f"model:{checkpoint}", checkpoint, "model:telea", Path("telea"), "best"):
        assert isinstance(load_filler(path), CheckpointFiller)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        *((name, "Give mean, telea, .*biharmonic or model:PATH") for name in ("tela", "Telea", "navier-stokes")),
        *((name, "no such checkpoint") for name in ("model:tela", "runs/tela", "tela.ckpt", "model:runs/tela.ckpt")),
    ],
)
def test_a_word_or_a_path_that_leads_nowhere_is_refused(name, says):
    with pytest.raises(InlayError, match=f"^{name.removeprefix('model:')}: .*{says}"):
        load_filler(name)
    with pytest.raises(InlayError, match=r"precision bf16: telea .* Use 32"):
        load_filler("telea", precision="bf16")


def test_which_version_a_network_is_says_its_file(checkpoint):
    expected = "sha256:" + hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:16]
    assert load_filler(str(checkpoint)).identity == CheckpointFiller(checkpoint).identity == expected
    assert NetworkFiller(PConvUNet(levels=4, width=4)).identity == "not from a file"


FILES = sorted((ROOT / "conf/filler").glob("*.yaml"))
TARGETS = "os.system inlay.fillers.load_filler inlay.fillers.CLASSICAL inlay.models.PConvUNet"


class TestMappings:
    def test_a_mapping_and_a_file_are_a_class_and_its_numbers(self, tmp_path, checkpoint):
        (tmp_path / "wide.yaml").write_text("_target_: inlay.fillers.Telea\nradius: 5\n")
        for given in (tmp_path / "wide.yaml", {"_target_": "inlay.fillers.Telea", "radius": 5}):
            filler = load_filler(given)
            assert (type(filler), filler.radius) == (Telea, 5)
        mapping = {"_target_": "inlay.fillers.CheckpointFiller", "checkpoint": str(checkpoint)}
        assert load_filler(mapping, "meta").device.type == "meta"
        assert load_filler(mapping | {"device": None, "precision": None}, "meta").device.type == "meta"
        assert load_filler(mapping | {"device": "cpu", "precision": 32}, "meta", "bf16").device.type == "cpu"

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_those_that_are_known_are_the_short_names(self, path):
        assert {*CLASSICAL} < {each.stem for each in FILES}
        config = yaml.safe_load(path.read_text())
        if path.stem in CLASSICAL:
            filler, short = load_filler(path), load_filler(path.stem)
            assert (type(filler), filler.identity) == (type(short), short.identity)
            assert type(filler).__name__.lower().removesuffix("fill") == path.stem.replace("_", "")
        else:
            (unset,) = (key for key, value in config.items() if value == "???")
            with pytest.raises(InlayError, match=f"{unset} is not set"):
                load_filler(path)
            with pytest.raises(InlayError, match=r"none: no such (checkpoint|file|folder)"):
                load_filler(config | {unset: "none"})

    def test_settings_reach_the_network_and_name_the_filler(self, checkpoint, monkeypatch):
        def for_inference(net, steps=1):
            net.steps = steps

        monkeypatch.setattr(PConvUNet, "for_inference", for_inference)
        mapping = {"_target_": "inlay.fillers.CheckpointFiller", "checkpoint": str(checkpoint), "steps": 7}
        filler = load_filler(mapping)
        assert (filler.net.steps, filler.identity) == (7, f"{load_filler(checkpoint).identity}, steps 7")
        with pytest.raises(InlayError, match=r"CheckpointFiller: .*'guidance'.* Its settings are"):
            load_filler(mapping | {"guidance": 2})

    @pytest.mark.stranger("A.1")
    @pytest.mark.parametrize("target", [*TARGETS.split(), "", None, ["x"]], ids=str)
    def test_only_classes_of_fillers_are_built(self, target):
        with pytest.raises(InlayError, match=r"_target_=.* is not a class of fillers"):
            load_filler({"_target_": target})

    @pytest.mark.stranger("A.1")
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("[1, 2]", "has no _target_"),
            ("{", "not a YAML file"),
            ("[" * 5000, "not a YAML file"),
            ("!!python/object/apply:os.system [ls]", "not a YAML file"),
            ("_target_: inlay.fillers.Telea\nradius: {_target_: os.system}", r"not a class of inlay\.fillers"),
            ("_target_: inlay.fillers.Telea\nradius: x", "radius must be a number"),
            ("_target_: inlay.fillers.Telea\nwidth: 3", "width.* Its settings are radius"),
            ("a: &a [1]\nb: [*a, *a]\n_target_: inlay.fillers.Telea", "it has references"),
        ],
    )
    def test_files_that_are_no_filler(self, tmp_path, content, said):
        (tmp_path / "odd.yaml").write_text(content)
        with pytest.raises(InlayError, match=said):
            load_filler(tmp_path / "odd.yaml")


def test_classical_fillers_come_without_networks():
    code = (
        "import sys; from inlay.fillers import load_filler, short_name; load_filler('telea'); short_name('a.ckpt')\n"
        "print([m for m in ('torchvision', 'inlay.models', 'inlay.checkpoints', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
