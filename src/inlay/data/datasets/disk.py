"""What every listing does with what it finds, and does not find, on disk."""

from collections.abc import Container, Iterator

from inlay.data.filesystem import Tree
from inlay.data.records import RejectedFile
from inlay.errors import InlayError
from inlay.images import SUFFIXES


def is_picture(name: str) -> bool:
    """Whether a file is named like a picture."""
    return name.lower().endswith(SUFFIXES)


def is_text(path: str) -> bool:
    """Whether a name from disk is valid UTF-8, and so can be written to text files."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def pictures(tree: Tree, folder: str = "") -> Iterator[str | RejectedFile]:
    """The pictures below a folder; refused are those whose name no text file could hold, and what is not read."""
    for path, reason in tree.found(folder):
        if reason:
            yield refuse(path, reason)
        elif is_text(path):
            yield path
        else:
            yield refuse(path, "its name is not valid UTF-8; rename it")


def unnamed(tree: Tree, folder: str, named: Container[str], reason: str) -> Iterator[RejectedFile]:
    """The pictures below a folder that the dataset's lists do not name."""
    for found in pictures(tree, folder):
        if isinstance(found, RejectedFile):
            yield found
        elif found not in named:
            yield RejectedFile(found, reason)


def refuse(path: str, reason: str) -> RejectedFile:
    """Refuse a file; the name is made printable where it is not valid UTF-8."""
    return RejectedFile(path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), reason)


def below(*folders: str) -> str:
    """Names joined to a path relative to the root; empty ones, which stand for the root itself, are left out."""
    return "/".join(folder for folder in folders if folder)


def wrong_layout(tree: Tree, missing: str, expected: str, source: str) -> InlayError:
    """What to raise where the root does not hold the dataset."""
    return InlayError(f"data.root={tree.root}: {missing} is missing. Expected there: {expected}. Get it from {source}.")
