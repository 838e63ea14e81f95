"""What an index says of a picture: one row, the same for every dataset."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, NotRequired, Protocol, TypedDict

from inlay.data.filesystem import Tree
from inlay.errors import InlayError
from inlay.files import names_inside

MaskIs = Literal["white", "black", "nonzero", "trimap"]


class Record(TypedDict):
    """A picture of a dataset. One line of an index, as JSON; what a dataset does not have is left out."""

    id: str
    """Its name, once in a dataset and the same wherever the dataset lies."""
    image: str
    """Its file, relative to the root, with forward slashes."""
    split: str
    """``train``, ``val`` or ``test``; Oxford Pets has ``trainval``, as published."""
    captions: NotRequired[list[str]]
    """What people (or a template) say of it, whole sentences."""
    label: NotRequired[str]
    """Its class, by name."""
    bbox: NotRequired[list[float]]
    """The box around its object, ``[left, top, right, bottom]`` in pixels of the file."""
    mask: NotRequired[str]
    """The file that shows its object, relative to the root."""
    mask_is: NotRequired[MaskIs]
    """How that file shows it: the object is white, black, all that is not zero, or the 1 of a trimap."""
    size: NotRequired[list[int]]
    """Width and height of the upright picture in pixels."""
    sha256: NotRequired[str]
    """Of the file's bytes."""


class RejectedFile(NamedTuple):
    """A file that was found and is not used."""

    file: str
    """Relative to the root."""
    reason: str
    split: str = ""
    """Of the picture that is lost by it; empty where none is."""


class DatasetLayout(Protocol):
    """How a dataset lies on disk: a frozen dataclass whose fields are its options."""

    def __call__(self, tree: Tree) -> Iterator[Record | RejectedFile]:
        """Name every picture below the root, in an order that stays, without decoding any.

        Raises:
            InlayError: this is not the dataset's layout; the message shows what was expected.
        """
        ...


def names_of(row: Record) -> list[str]:
    """The files that a row names."""
    return [name for name in (row["image"], row.get("mask")) if name]


def check_inside(root: Path | None, names: Iterable[str], where: str) -> None:
    """Refuse names of files that do not lie below a dataset's root: the list may have come with the dataset.

    Raises:
        InlayError: one leads elsewhere, or is absolute where no root is known; the message says ``where`` it stands.
    """
    for name in names:
        if not names_inside(root, name):
            raise InlayError(
                f"{where}: {name} lies outside data.root{'' if root is None else f'={root}'}. Write paths relative to "
                "it, or give a folder that holds all of them as data.root."
            )


def number_of(id: str) -> int:
    """A number in ``[0, 2**64)`` that an id always has: the head of its SHA-256."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big")
