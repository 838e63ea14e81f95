"""``~`` in what is typed, where no shell replaces it: options, and settings of Hydra's."""

import argparse
import os
import re
from pathlib import Path

from inlay.files import at_home

_PATH = re.compile(r"""(?<=[=\[,:"'])~(?=[/,\]}"']|$)""")
_OPTION = re.compile("(?<==).+")  # the value of an option of Hydra's own: --config-dir=~/conf
_VARIABLE = "${oc.env:HOME}"  # can be written in any setting, whatever the folder is called
_TEXTS = ("text", "name", "license", "settings")


def in_options(args: argparse.Namespace) -> argparse.Namespace:
    """Options with ``~`` as the user's folder, but for those that are texts."""
    for name, value in vars(args).items():
        if name not in _TEXTS:
            setattr(args, name, at_home(value))
    return args


def in_settings(words: list[str]) -> list[str]:
    """Settings as Hydra can read them, which knows no ``~`` in a value: ``data.root=~/x``, ``fillers=[model:~/x]``."""
    os.environ.setdefault("HOME", str(Path.home()))
    return [
        _OPTION.sub(lambda option: at_home(option[0]), word) if word.startswith("-") else _PATH.sub(_VARIABLE, word)
        for word in words
    ]
