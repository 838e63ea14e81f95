"""Any folder of pictures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from typing_extensions import override

from inlay.data.captions import captioned
from inlay.data.datasets.disk import pictures
from inlay.data.filesystem import Tree
from inlay.data.records import DatasetLayout, Record, RejectedFile, number_of
from inlay.errors import InlayError
from inlay.images import READ_HERE

_SPLITS = ("train", "val", "test")
_TRAIN, _VAL = 0.8, 0.9  # where the parts end: 80 % train, 10 % validate, 10 % test
_HANDFUL = 200


@dataclass(frozen=True, kw_only=True)
class Folder(DatasetLayout):
    """A folder that holds ``train/`` and ``val/`` (perhaps ``test/``); any other is split by a hash of pictures' paths.

    Attributes:
        captions: ``beside`` for ``name.txt`` beside ``name.jpg``, one caption a line; or a caption file
            (:mod:`inlay.data.captions`), below the root or relative to the working folder; None for none.
    """

    captions: str | None = None

    @override
    def __call__(self, tree: Tree) -> Iterator[Record | RejectedFile]:
        empty = True
        for row in captioned(_rows(tree), tree, self.captions):
            empty = False
            yield row
        if empty:
            raise InlayError(f"data.root={tree.root}: no pictures in there (looked for {READ_HERE}).")


def _rows(tree: Tree) -> Iterator[Record | RejectedFile]:
    train, val = tree.has_folder("train"), tree.has_folder("val")
    if train and val:
        return _by_folder(tree)
    if train or val:
        there, lacking = ("train/", "val/") if train else ("val/", "train/")
        tree.tell(f"{there} is there and {lacking} is not, so all pictures are split by a hash of their path.")
    return none_empty(
        found if isinstance(found, RejectedFile) else Record(id=found, image=found, split=split_of(found))
        for found in pictures(tree)
    )


def _by_folder(tree: Tree) -> Iterator[Record | RejectedFile]:
    for found in pictures(tree):
        if isinstance(found, RejectedFile):
            yield found
        elif (split := found.partition("/")[0]) in _SPLITS:
            yield Record(id=found, image=found, split=split)
        else:
            yield RejectedFile(found, "lies beside train/ and val/")


def split_of(id: str) -> str:
    """The split of a picture: a function of its id alone, so that adding pictures moves none."""
    place = place_of(id)
    return "train" if place < _TRAIN else "val" if place < _VAL else "test"


def place_of(id: str) -> float:
    """A number in ``[0, 1)`` that an id always has, evenly spread over ids."""
    return number_of(id) / 2**64


def none_empty(rows: Iterable[Record | RejectedFile]) -> Iterator[Record | RejectedFile]:
    """Let one picture of a mere handful change sides where nothing would be left to train on, or to validate with."""
    rows = iter(rows)
    first = list(islice(rows, _HANDFUL))
    if len(first) < _HANDFUL:
        named = [row for row in first if not isinstance(row, RejectedFile)]
        if len(named) > 1:
            named.sort(key=lambda row: place_of(row["id"]))  # training takes the lowest places
            for row, split in ((named[0], "train"), (named[-1], "val")):
                if all(other["split"] != split for other in named):
                    row["split"] = split
    yield from first
    yield from rows
