from pathlib import Path

import pytest

from inlay.cache import cache_dir
from inlay.files import at_home


@pytest.fixture(autouse=True)
def _home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/a b")


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
def test_is_where_a_path_begins_with_it(path, meant):
    assert at_home(path) == meant


@pytest.mark.stranger("17.A.10")
@pytest.mark.parametrize(("name", "below"), [("INLAY_CACHE", "cache"), ("XDG_CACHE_HOME", ".cache/inlay")])
def test_of_the_cache(monkeypatch, name, below):
    monkeypatch.delenv("INLAY_CACHE")
    monkeypatch.setenv(name, "~/cache")
    assert cache_dir() == Path("/home/a b") / below
