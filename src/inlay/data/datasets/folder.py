"""Any folder of pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

from typing_extensions import override

from inlay.data.captions import captioned
from inlay.data.datasets.disk import pictures
from inlay.data.filesystem import Tree
from inlay.data.records import DatasetLayout, Record, RejectedFile
from inlay.data.splits import none_empty, split_of
from inlay.errors import InlayError
from inlay.images import READ_HERE

_SPLITS = ("train", "val", "test")


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
    return none_empty(_by_hash(tree))


def _by_folder(tree: Tree) -> Iterator[Record | RejectedFile]:
    for found in pictures(tree):
        if isinstance(found, RejectedFile):
            yield found
        elif (split := found.partition("/")[0]) in _SPLITS:
            yield Record(id=found, image=found, split=split)
        else:
            yield RejectedFile(found, "lies beside train/ and val/")


def _by_hash(tree: Tree) -> Iterator[Record | RejectedFile]:
    for found in pictures(tree):
        yield found if isinstance(found, RejectedFile) else Record(id=found, image=found, split=split_of(found))
