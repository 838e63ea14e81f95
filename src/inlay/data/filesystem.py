"""A dataset's folder, which remembers what was looked at, so that a cached index is known to be outdated."""

import logging
import os
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path

from inlay.errors import BadFile, InlayError
from inlay.files import inside, lines_of, names_inside, open_regular, walk
from inlay.images import SUFFIXES, why_not_read

log = logging.getLogger(__name__)

_ABSENT = -1
_LONGEST = 2**20  # characters of a line
_TEXT = 2**20  # bytes of a text that is read at once: a caption or an annotation of one picture


def check_root(root: Path) -> None:
    """Raise :class:`InlayError` where a dataset's folder is missing."""
    if not root.is_dir():
        raise InlayError(f"data.root={root}: no such folder. Give the folder that holds your pictures.")


class Tree:
    """A folder of pictures and annotations.

    Args:
        root: the folder; it may be a link, and so may the folders in it.
        part_of: the tree that depends on this one, too.

    Raises:
        InlayError: there is no such folder.
    """

    def __init__(self, root: str | os.PathLike[str], part_of: "Tree | None" = None) -> None:
        self.root = Path(root)
        self._part_of = part_of
        self.consulted: dict[str, int] = {}
        """What was looked at: relative path to time of change in ns."""
        self._told: set[str] = set()
        check_root(self.root)

    def pictures(self, folder: str = "") -> Iterator[str]:
        """Whatever is named like a picture below a folder: paths relative to the root, sorted folder by folder.

        Nothing is opened: links that lead nowhere and folders that are named like pictures are among them, so that
        whoever reads them can say so. What is hidden (``.name``) stays hidden. Links to folders are followed, but for
        those that lead back.
        """
        return (path for path, reason in self.found(folder) if not reason)

    def found(self, folder: str = "") -> Iterator[tuple[str, str]]:
        """:meth:`pictures`, and what else looks like a picture or may hide one, with the reason that it is not read.

        Raises:
            InlayError: a folder cannot be searched.
        """
        self._remember(folder)
        for found in walk(self.root, folder):
            if found.kind == "closed":
                raise InlayError(f"{self.root / found.path}: {found.reason}. Change its permissions, or move it away.")
            if found.kind == "folder":
                self._remember(found.path)
            if found.path.lower().endswith(SUFFIXES):
                yield found.path, ""
            elif reason := why_not_read(found, self.root):
                yield found.path, reason

    def has(self, path: str) -> bool:
        """Whether a file or folder exists."""
        return self._remember(path) != _ABSENT

    def has_folder(self, path: str) -> bool:
        """Whether a folder exists."""
        return self.has(path) and (self.root / path).is_dir()

    def beside(self, path: str) -> "Tree | None":
        """A folder next to the root, as archives that belong together unpack to; None where there is none."""
        parents = Path(os.path.abspath(self.root)).parent, self.root.resolve().parent  # noqa: PTH100 - links stay
        places = [parent / path for parent in dict.fromkeys(parents)]
        return next((Tree(place, part_of=self) for place in places if self.has_folder(str(place))), None)

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder, sorted, without what is hidden; empty where there is no folder."""
        if not self.has_folder(folder):
            return []
        try:
            with os.scandir(self.root / folder) as entries:
                return sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except OSError as error:
            where = self.root / folder
            remedy = "Change its permissions, or move it elsewhere."
            raise InlayError(f"{where}: cannot be searched ({error.strerror}). {remedy}") from error

    def open(self, path: str, most: int | None = None) -> BufferedReader:
        """Open a file that belongs to the dataset, of at most ``most`` bytes; it is remembered.

        The path is relative to the root, below which the file has to lie (folders may be links, the file itself may be
        one to another place below the root); or absolute, of a file that the user named.

        Raises:
            InlayError: it is missing, lies elsewhere, is no regular file, is too large or cannot be read.
        """
        self._remember(path)
        file = self.root / path
        if not Path(path).is_absolute():
            if not names_inside(self.root, path):
                raise InlayError(f"{file}: lies outside data.root={self.root}. Only what lies below it is read.")
            if file.is_symlink():
                file = inside(self.root, path)
        try:
            return open_regular(file, most)
        except BadFile as error:
            raise InlayError(f"{self.root / path}: {error.reason}. Mend or remove it.") from error

    def text(self, path: str, most: int = _TEXT) -> str:
        """The content of a text file of at most ``most`` bytes. Encodings: :func:`inlay.files.lines_of`.

        Raises:
            InlayError: see :meth:`open`.
        """
        return "".join(self.raw_lines(path, most, longest=most))

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        """A list file, without holding it: number and text of each line.

        Space around a line, empty lines and ``#`` comments are left out. Errors: :meth:`raw_lines`.
        """
        for number, line in enumerate(self.raw_lines(path), 1):
            if (line := line.strip()) and not line.startswith("#"):
                yield number, line

    def raw_lines(self, path: str, most: int | None = None, longest: int = _LONGEST) -> Iterator[str]:
        """The lines of a text file of at most ``most`` bytes, without holding it.

        Raises:
            InlayError: see :meth:`open`; or a line has more than ``longest`` characters.
        """
        try:
            for line in lines_of(self.open(path, most), longest, lambda what: self.tell(f"{path}: {what}")):
                if len(line) > longest:
                    raise InlayError(f"{self.root / path}: a line of more than {longest:,} characters. No list.")
                yield line
        except OSError as error:
            raise InlayError(f"{self.root / path}: cannot be read ({error.strerror}).") from error

    def table(self, path: str, columns: int) -> Iterator[list[str]]:
        """A list file whose lines are split at white space, into at least so many ``columns``.

        Raises:
            InlayError: as :meth:`raw_lines`, or a line has too few; the message names it.
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

    def _remember(self, path: str) -> int:
        self.consulted[path] = time = _changed(self.root / path)
        if self._part_of is not None:
            self._part_of._remember(os.path.abspath(self.root / path))  # noqa: PTH100 - links stay
        return time


def unchanged(root: Path, consulted: Mapping[str, int]) -> bool:
    """Whether everything that was looked at is as it was: a file added or removed changes its folder's time."""
    return all(_changed(root / path) == time for path, time in consulted.items())


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return _ABSENT
