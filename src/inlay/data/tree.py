"""A dataset's folder, which remembers what it was asked, so that a cached answer can be told from an outdated one."""

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from inlay.errors import InlayError
from inlay.images import SUFFIXES

log = logging.getLogger(__name__)

_ABSENT = -1


class Tree:
    """A folder of pictures and annotations.

    Args:
        root: the folder; it may be a link, and so may the folders in it.

    Raises:
        InlayError: there is no such folder.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.consulted: dict[str, int] = {}
        """What the answers rest on: relative path to time of change in ns."""
        self._told: set[str] = set()
        if not self.root.is_dir():
            raise InlayError(f"data.root={root}: no such folder. Give the folder that holds your pictures.")

    def pictures(self, folder: str = "") -> Iterator[str]:
        """Whatever is named like a picture below a folder, in sorted order, folder by folder.

        Nothing is opened: links that lead nowhere and folders that are named like pictures are among them, so that
        whoever reads them can say so. What is hidden (``.name``) stays hidden. Links to folders are followed once.

        Args:
            folder: relative to the root.

        Yields:
            Paths relative to the root, with forward slashes.
        """
        yield from self._walk(folder, frozenset())

    def has(self, path: str) -> bool:
        """Whether a file or folder exists."""
        return self._remember(path) != _ABSENT

    def has_folder(self, path: str) -> bool:
        """Whether a folder exists."""
        return self.has(path) and (self.root / path).is_dir()

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder, sorted, without what is hidden; empty where there is no folder."""
        if not self.has_folder(folder):
            return []
        try:
            with os.scandir(self.root / folder) as entries:
                return sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except OSError as error:
            raise InlayError(_not_searched(self.root / folder, error)) from error

    def file(self, path: str) -> Path:
        """Where a file lies, for those who read it themselves; it is remembered like one that was read here."""
        self._remember(path)
        return self.root / path

    def text(self, path: str) -> str:
        """A text file's content; line ends are newlines, a byte order mark is dropped, odd bytes become U+FFFD.

        Raises:
            InlayError: the file is missing or cannot be read.
        """
        return "".join(self._raw_lines(path))

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        """A list file, without holding it: number and text of each line.

        Space around a line, empty lines and ``#`` comments are left out. Errors: :meth:`text`.
        """
        for number, line in enumerate(self._raw_lines(path), 1):
            if (line := line.strip()) and not line.startswith("#"):
                yield number, line

    def table(self, path: str, columns: int) -> Iterator[list[str]]:
        """A list file whose lines are columns, split at white space; a line may have more than asked for.

        Raises:
            InlayError: as :meth:`text`, or a line has too few; the message names it.
        """
        for number, line in self.lines(path):
            fields = line.split()
            if len(fields) < columns:
                raise InlayError(
                    f"{self.root / path}, line {number}: expected {columns} columns, got {line[:80]!r}. "
                    "The file is damaged; take it from the dataset's archive again."
                )
            yield fields

    def tell(self, message: str, level: int = logging.WARNING) -> None:
        """Log something about this folder, once, however often it is listed."""
        if message not in self._told:
            self._told.add(message)
            log.log(level, "data.root=%s: %s", self.root, message)

    def _raw_lines(self, path: str) -> Iterator[str]:
        try:
            with self.file(path).open(encoding="utf-8-sig", errors="replace") as file:
                yield from file
        except OSError as error:
            raise InlayError(f"{self.root / path}: cannot be read ({error.strerror}).") from error

    def _walk(self, folder: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
        here = self.root / folder
        self._remember(folder)
        try:
            stat = here.stat()
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            raise InlayError(_not_searched(here, error)) from error
        if (stat.st_dev, stat.st_ino) in above:  # a link back to where we came from
            return
        inside = above | {(stat.st_dev, stat.st_ino)}
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.lower().endswith(SUFFIXES):
                yield path
            if _leads_to_folder(entry):
                yield from self._walk(path, inside)

    def _remember(self, path: str) -> int:
        self.consulted[path] = time = _changed(self.root / path)
        return time


def unchanged(root: Path, consulted: Mapping[str, int]) -> bool:
    """Whether everything that answers rested on is as it was: a file added or removed changes its folder's time."""
    return all(_changed(root / path) == time for path, time in consulted.items())


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; a missing target is no error here
        return False


def _not_searched(folder: Path, error: OSError) -> str:
    return f"{folder}: cannot be searched ({error.strerror}). Change its permissions, or move it elsewhere."


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return _ABSENT
