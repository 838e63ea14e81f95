"""Paths that others wrote, or folders that they made: what they mean, and whether they lead elsewhere."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from inlay.errors import InlayError

SUSPICIOUS = r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)"
"""Regular expression that finds names which could lead out of the folder they are relative to."""

_AT_HOME = re.compile(r"(model:)?(~[^/]*(?=/)|~$)")
_OF_LIBRARIES = "wandb"  # keeps links to its own logs elsewhere


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


def inside(root: str | os.PathLike[str], name: str | os.PathLike[str]) -> Path:
    """The path of a file that somebody else's list, index or folder names, with links resolved.

    Raises:
        InlayError: it does not lie below the root (which may be a link), by its name or by a link.
    """
    home, found = Path(root).resolve(), Path(root, name).resolve()
    if not found.is_relative_to(home):
        raise InlayError(f"{name}: leads out of {root}, to {found}. Copy the file into the folder, and name it there.")
    return found


def names_inside(root: str | os.PathLike[str] | None, name: str) -> bool:
    """Whether a name in a list is the name of something below the list's root; None is a root that is not known.

    What the folders and pictures there are is their owner's business: they may be links, unlike those of
    :func:`inside`.
    """
    if not re.search(SUSPICIOUS, name):
        return True
    if root is None:
        return False
    home, path = Path(root), PurePath(name)
    if ".." in path.parts:  # behind a link to a folder it does not lead back
        return (home / path).resolve().is_relative_to(home.resolve())
    return not path.is_absolute() or any(path.is_relative_to(place) for place in (home.absolute(), home.resolve()))


def check_links(folder: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Refuse links that lead out of a folder, to something or to nothing, before anything is written there.

    Args:
        folder: may be missing, and may be a link itself.
        names: of what is written there; what lies below them is looked at, too.
    """
    home = os.path.realpath(folder)
    waiting = [Path(folder, name) for name in names]
    while waiting:
        path = waiting.pop()
        if not path.is_symlink():
            waiting += path.iterdir() if path.is_dir() and path.name != _OF_LIBRARIES else ()
        elif not Path(target := os.path.realpath(path)).is_relative_to(home):
            raise InlayError(
                f"{path}: a link that leads out of {folder}, to {target}, where this would write. Remove the link, or "
                "move what it leads to into its place."
            )
