"""From a name to a filler."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inlay import fillers
from inlay.errors import InlayError
from inlay.fillers import CLASSICAL, Biharmonic, MeanFill, NavierStokes, NetworkFiller, Telea, TextGuided, load_filler
from inlay.models import PConvUNet
from tests.fillers.test_text_guided import write_checkpoint


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path / "last.ckpt")


@pytest.fixture
def plain(tmp_path):
    net = PConvUNet(levels=4, width=4)
    config = {"model": {"_target_": "inlay.models.PConvUNet", "levels": 4, "width": 4}}
    return write_checkpoint(tmp_path / "plain.ckpt", config, {f"net.{k}": v for k, v in net.state_dict().items()})


@pytest.mark.parametrize(
    ("name", "kind"),
    [("mean", MeanFill), ("telea", Telea), ("navier_stokes", NavierStokes), ("biharmonic", Biharmonic)],
)
def test_classical_fillers_have_names(name, kind):
    assert type(load_filler(name)) is kind
    assert [*CLASSICAL] == ["mean", "telea", "navier_stokes", "biharmonic"]


@pytest.mark.parametrize("spell", ["{}", "model:{}"])
def test_a_checkpoint_is_a_path(checkpoint, spell):
    assert isinstance(load_filler(spell.format(checkpoint)), TextGuided)


def test_a_path_is_a_checkpoint(checkpoint):
    assert isinstance(load_filler(Path(checkpoint)), TextGuided)


def test_a_file_may_be_called_as_a_classical_filler(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "telea")
    assert isinstance(load_filler("telea"), Telea)
    assert isinstance(load_filler("model:telea"), TextGuided)
    assert isinstance(load_filler(Path("telea")), TextGuided)


def test_a_bare_word_may_be_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "best")
    assert isinstance(load_filler("best"), TextGuided)


@pytest.mark.parametrize("name", ["tela", "Telea", "navier-stokes"])
def test_a_word_that_is_neither_names_what_there_is(name):
    with pytest.raises(InlayError) as refused:
        load_filler(name)
    assert str(refused.value) == (
        f"{name}: neither a filler nor a file. Give mean, telea, navier_stokes, biharmonic or model:PATH."
    )


@pytest.mark.parametrize("name", ["model:tela", "runs/tela", "tela.ckpt", "model:runs/tela.ckpt"])
def test_a_path_that_leads_nowhere_is_no_such_checkpoint(name):
    with pytest.raises(InlayError, match=f"^{name.removeprefix('model:')}: no such checkpoint"):
        load_filler(name)


@pytest.mark.parametrize("name", ["checkpoint", "plain"])
def test_which_version_a_network_is_says_its_file(name, request):
    path = request.getfixturevalue(name)
    expected = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert load_filler(str(path)).identity == expected


def test_which_version_a_network_is_without_a_name(plain):
    assert NetworkFiller.from_checkpoint(plain).identity == load_filler(plain).identity
    assert NetworkFiller(torch.nn.Identity()).identity == "not from a file"


def test_classical_fillers_come_without_networks():
    code = (
        "import sys; from inlay.fillers import load_filler, short_name; load_filler('telea'); short_name('a.ckpt')\n"
        "print([m for m in ('torchvision', 'inlay.models', 'inlay.checkpoints', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_what_the_room_lacks_is_said_as_python_says_it():
    with pytest.raises(AttributeError, match=r"module 'inlay\.fillers' has no attribute 'Lerned'"):
        assert fillers.Lerned
