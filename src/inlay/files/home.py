"""``~``, the user's folder, in paths that no shell has looked at: ``--output=~/a.png``, ``data.root=~/photos``."""

import os
import re
from pathlib import Path
from typing import Any

_AT_HOME = re.compile(r"(model:)?(~[^/]*(?=/)|~$)")


def at_home(path: Any) -> Any:
    """A path whose ``~`` or ``~name`` at the beginning, perhaps behind ``model:``, is the folder it stands for.

    Args:
        path: a text or a path; lists are gone through, and anything else is given back as it is.
    """
    if isinstance(path, list):
        return [at_home(each) for each in path]
    if not isinstance(path, str | os.PathLike) or not (found := _AT_HOME.match(os.fspath(path))):
        return path
    home = os.path.expanduser(found[2])  # noqa: PTH111 -- of a name that nobody has it stays as it is
    place = f"{found[1] or ''}{home}{os.fspath(path)[found.end() :]}"
    return place if isinstance(path, str) else Path(place)
