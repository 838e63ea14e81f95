import subprocess
import sys
from pathlib import Path

import pytest

from inlay.cache import cache_dir


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"INLAY_CACHE": "/own", "XDG_CACHE_HOME": "/xdg", "HOME": "/home/me"}, "/own"),
        ({"XDG_CACHE_HOME": "/xdg", "HOME": "/home/me"}, "/xdg/inlay"),
        ({"INLAY_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/inlay"),
    ],
)
def test_its_place(variables, place, monkeypatch):
    for name in ("INLAY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_dir() == Path(place)


def test_tests_have_their_own():
    assert Path.home() not in cache_dir().parents
    ask = [sys.executable, "-c", "from inlay.cache import cache_dir; print(cache_dir())"]
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip() == str(cache_dir())
