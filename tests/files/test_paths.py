import os
from pathlib import Path

import pytest

from inlay.cache import cache_dir
from inlay.errors import InlayError
from inlay.files import at_home, check_links, inside


@pytest.fixture
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/a b")
    return Path("/home/a b")


@pytest.mark.stranger("17.A.10")
@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("~", "/home/a b"),
        ("~/x.png", "/home/a b/x.png"),
        ("model:~/x.ckpt", "model:/home/a b/x.ckpt"),
        (Path("~/x"), Path("/home/a b/x")),
        (["~/x", "y"], ["/home/a b/x", "y"]),
        *((path, path) for path in ("~x.png", "a/~/x", "~nobody-of-this-name/x", None, 3)),
    ],
)
def test_home_is_where_a_path_begins_with_it(home, path, meant):
    assert at_home(path) == meant


@pytest.mark.stranger("17.A.10")
@pytest.mark.parametrize(("name", "below"), [("INLAY_CACHE", "cache"), ("XDG_CACHE_HOME", ".cache/inlay")])
def test_home_of_the_cache(home, monkeypatch, name, below):
    monkeypatch.delenv("INLAY_CACHE")
    monkeypatch.setenv(name, "~/cache")
    assert cache_dir() == home / below


@pytest.mark.stranger("A.10")
@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", "link", "dangling"])
def test_names_that_lead_out_of_the_folder_are_refused(name, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    with pytest.raises(InlayError, match="leads out of"):
        inside(root, name)
    (tmp_path / "by_link").symlink_to("root")
    for within in ("a/../b.png", tmp_path / "by_link/b.png"):
        assert inside(tmp_path / "by_link", within) == (root / "b.png").resolve()


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "victim").touch()
    return tmp_path / "run"


@pytest.mark.stranger("A.8")
@pytest.mark.parametrize("target", ["../victim", "../missing", "{}/victim", "loop", "checkpoints/../../victim"])
@pytest.mark.parametrize("link", ["config.yaml", "checkpoints/deep"])
def test_a_link_that_leads_out_is_refused(link, target, run):
    (run / "loop").symlink_to("../run2/loop")
    target = os.path.relpath(run / target, run / "checkpoints") if "/" in link and "{" not in target else target
    (run / link).symlink_to(target.format(run.parent))
    with pytest.raises(InlayError, match=f"{link}: a link that leads out of .*Remove the link"):
        check_links(run, ["config.yaml", "checkpoints"])


def test_links_within_and_those_of_others_stay(run, tmp_path):
    (run / "checkpoints/last.ckpt").symlink_to("step_1.ckpt")
    (run / "data").symlink_to("../victim")
    (run / "wandb").mkdir()
    (run / "wandb/debug.log").symlink_to("/var/log/debug.log")
    (tmp_path / "by_link").symlink_to("run")
    for folder in (run, tmp_path / "by_link", tmp_path / "missing"):
        check_links(folder, ["config.yaml", "checkpoints", "wandb"])
