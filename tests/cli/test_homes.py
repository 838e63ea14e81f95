"""``~`` is the user's folder at every entry."""

import sys
from argparse import Namespace

import pytest
from omegaconf import OmegaConf

from inlay.cli import _arguments, _parser
from inlay.cli.homes import in_options, in_settings
from inlay.cli.predict import parse
from inlay.cli.settings import compose_config, replace_home

pytestmark = pytest.mark.stranger("17.A.10")


@pytest.fixture(autouse=True)
def _home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/a b")


@pytest.mark.parametrize(
    ("word", "root"),
    [
        ("data.root=~/x", "/home/a b/x"),
        ("data.root=~", "/home/a b"),
        ('data.root="~/x, y"', "/home/a b/x, y"),
        ("data.root='~/x'", "/home/a b/x"),
        ("data.root=/a b", "/a b"),
    ],
)
def test_in_settings(word, root):
    assert compose_config(["data=folder", word]).data.root == root


def test_in_lists_of_settings_and_of_models():
    cfg = compose_config(["fillers=[telea,model:~/a.ckpt,~/b]"], "evaluate")
    assert list(cfg.fillers) == ["telea", "model:/home/a b/a.ckpt", "/home/a b/b"]


def test_in_options_of_hydra_and_not_where_it_deletes_a_setting():
    given = ["--config-dir=~/conf", "-m", "~masks", "~data.root=x"]
    assert in_settings(given) == ["--config-dir=/home/a b/conf", *given[1:]]


def test_in_files_of_settings():
    config = OmegaConf.create({"root": "~/x", "weights": {"lpips": "~/w.pth"}, "filler": ["~/m"], "same": "${root}"})
    replace_home(config)
    x, w, m = (f"/home/a b/{name}" for name in ("x", "w.pth", "m"))
    found = OmegaConf.to_container(config, resolve=True)
    assert found == {"root": x, "weights": {"lpips": w}, "filler": [m], "same": x}


def test_in_options_of_predict(monkeypatch):
    words = ["--image=~/a.png", "--mask=~/m/*.png", "--output=~/x.png", "--model=model:~/net.ckpt", "--text=~/a"]
    monkeypatch.setattr(sys, "argv", ["predict.py", *words])
    args = parse()
    assert (args.image, args.mask, str(args.output)) == (["/home/a b/a.png"], "/home/a b/m/*.png", "/home/a b/x.png")
    assert (args.model, args.text) == ("model:/home/a b/net.ckpt", "~/a")


@pytest.mark.parametrize(
    "words",
    [
        ["data", "prepare", "folder", "--root=~/x", "--out=~/x"],
        ["export", "~/x", "--to=~/x"],
        ["app", "--model=~/x"],
        ["masks", "generate", "--out=~/x"],
        ["evaluation", "merge", "~/x", "--out=~/x"],
    ],
)
def test_in_options_of_inlay(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["inlay", *words])
    given = vars(_arguments(_parser()))
    assert "~" not in str(given)
    assert "/home/a b/x" in str(given)


def test_texts_are_left_alone():
    assert in_options(Namespace(text="~/a", name="~/b")) == Namespace(text="~/a", name="~/b")
