"""Names in lists that other programs and other systems wrote, as files are called here."""

import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from inlay.data.filesystem import Tree

_DRIVE = re.compile(r"[A-Za-z]:[/\\]|[/\\]{2}")


class Names:
    """Names by the millions, in eight bytes each: what a set of them would need is gigabytes.

    Args:
        names: all of them, some perhaps more than once.
    """

    def __init__(self, names: Iterable[str]) -> None:
        found = np.fromiter(map(hash, names), np.int64)  # seeded anew in each process, so nobody can make two equal
        found.sort()
        self._hashes = found
        self._repeated = set(found[1:][found[1:] == found[:-1]].tolist())
        self._seen: set[str] = set()  # of those alone

    def __contains__(self, name: object) -> bool:
        place = int(np.searchsorted(self._hashes, hash(name)))
        return place < len(self._hashes) and bool(self._hashes[place] == hash(name))

    def comes_again(self, name: str) -> bool:
        """Whether this method was called with the name before."""
        if hash(name) not in self._repeated:
            return False
        again = name in self._seen
        self._seen.add(name)
        return again


class Spelling:
    """What the files are called that lists name with other capital letters: ``a.JPG`` for ``a.jpg``.

    Args:
        tree: the dataset's folder.
        listed: gives all names of the lists; called several times.

    Attributes:
        names: what the lists name, as the files are called.
    """

    def __init__(self, tree: Tree, listed: Callable[[], Iterable[str | None]]) -> None:
        self._root, self._files = tree.root, dict[str, str]()
        self.names = Names(name for name in listed() if name is not None)
        small = Names(name.lower() for name in listed() if name is not None)
        for path in tree.pictures():
            if path.lower() in small and path not in self.names:
                self._files[path.lower()] = "" if path.lower() in self._files else path  # which of two, nobody knows
        if self._files:
            file = next(iter(self._files.values()))
            tree.tell(
                f"files have other capital letters than in the lists, {file} for instance; they are taken as meant."
            )
            self.names = Names(self(name) for name in listed() if name is not None)

    def __call__(self, name: str) -> str:
        """What the file is called that a list names."""
        file = self._files.get(name.lower())
        return file if file and not (self._root / name).exists() else name


def plain(line: str) -> str:
    """A line of a list without what editors and spreadsheets put around it: space, quotes."""
    line = line.strip()
    while len(line) > 1 and line[0] == line[-1] and line[0] in "\"'":
        line = line[1:-1].strip()
    return line


def relative(tree: Tree, line: str, root_was: str | None) -> str | None:
    """A line as a path relative to the root; None for a place outside it.

    The line is a path, relative or absolute, of this system or of Windows; ``root_was`` is what the root was called
    where the list was made.
    """
    if "\\" in line and not (tree.root / line).exists():  # here it may be a part of a name
        line = line.replace("\\", "/")
    if root_was is not None and (inside := _below(line, root_was)) is not None:
        line = inside
    if _DRIVE.match(line):
        return None
    if not line.startswith("/"):
        path = posixpath.normpath(line)
        return None if path.split("/")[0] == ".." else path
    absolute = Path(posixpath.normpath(line))
    for root in (tree.root.absolute(), tree.root.resolve()):
        if absolute.is_relative_to(root):
            return absolute.relative_to(root).as_posix()
    path = posixpath.normpath(line.lstrip("/"))  # some lists put a slash before what is relative to the root
    # Not remembered, as millions could be: what vanishes changes the time of its folder.
    return path if (tree.root / path).exists() else None


def _below(line: str, root: str) -> str | None:
    """What of a path lies below a root of that system, which on Windows is told apart by no capital letters."""
    root = root.replace("\\", "/").rstrip("/") + "/"
    same = line.lower().startswith(root.lower()) if _DRIVE.match(root) else line.startswith(root)
    return line[len(root) :] if same else None
