"""The file lists of EdgeConnect, TDANet and others of that time."""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from inlay.data.captions import captioned
from inlay.data.listings.disk import is_picture, is_text, unnamed, wrong_layout
from inlay.data.rows import Refused, Row
from inlay.data.tree import Tree
from inlay.errors import InlayError

_SPLITS = {"train": "train", "val": "val", "test": "test"}  # how a list's name begins: valid.flist is val, too
_MASKS = "_mask.flist"
_CAPTIONS = "caption.json"
_EXPECTED = "train*.flist and val*.flist (perhaps test*.flist), a path a line, each perhaps with its *_mask.flist"


@dataclass(frozen=True, kw_only=True)
class FList:
    """Lists in the root, ``train*.flist``, ``val*.flist`` or ``valid*.flist``, ``test*.flist``: a path a line.

    ``train_mask.flist`` gives the masks of ``train.flist`` line by line, any pixel that is not zero being the object.
    ``caption.json`` gives captions by file name. A line may name a folder: it stands for the pictures below.
    """

    def __call__(self, tree: Tree) -> Iterator[Row | Refused]:
        """See :class:`inlay.data.rows.Listing`."""
        yield from captioned(_rows(tree), tree, _CAPTIONS if tree.has(_CAPTIONS) else None)


def _rows(tree: Tree) -> Iterator[Row | Refused]:
    lists = [name for name in tree.names("") if name.endswith(".flist") and not name.endswith(_MASKS)]
    if not lists:
        raise wrong_layout(tree, "a list (.flist)", _EXPECTED, "the project that made the lists")
    known = _Names(path for name in lists if _split(name) for pair in _pairs(tree, name) for path in pair if path)
    for name in lists:
        if (split := _split(name)) is None:
            yield Refused(name, f"the name of a list begins with one of {', '.join(_SPLITS)}")
            continue
        for image, mask in _pairs(tree, name):
            if mask is not None:
                known.comes_again(mask)
            if not is_text(image):
                continue  # found in a folder, and refused below as all such names are
            if known.comes_again(image):
                yield Refused(image, f"named twice, at last by {name}")
                continue
            if mask is not None and not is_text(mask):
                yield Refused(image, "the name of its mask is not valid UTF-8; rename it")
                continue
            row = Row(id=image, image=image, split=split)
            if mask is not None:
                row["mask"], row["mask_is"] = mask, "nonzero"
            yield row
    yield from unnamed(tree, "", known, "named by none of the lists")


class _Names:
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
        """Whether the question is asked of a name a second time."""
        if hash(name) not in self._repeated:
            return False
        again = name in self._seen
        self._seen.add(name)
        return again


def _split(name: str) -> str | None:
    return next((split for start, split in _SPLITS.items() if name.startswith(start)), None)


def _pairs(tree: Tree, name: str) -> Iterator[tuple[str, str | None]]:
    masks = name.removesuffix(".flist") + _MASKS
    if not tree.has(masks):
        yield from ((image, None) for image in _paths(tree, name))
        return
    images, partners = _paths(tree, name), _paths(tree, masks)
    for number, (image, mask) in enumerate(zip_longest(images, partners)):
        if image is None or mask is None:
            longer, extra = (masks, partners) if image is None else (name, images)
            raise InlayError(
                f"{tree.root / masks}: its lines belong to those of {name} one by one, but {longer} names "
                f"{number + 1 + sum(1 for _ in extra)} files and the other {number}. Make them equally long."
            )
        yield image, mask


def _paths(tree: Tree, name: str) -> Iterator[str]:
    for number, line in tree.lines(name):
        path = _inside(tree, line)
        if path is None:
            raise InlayError(
                f"{tree.root / name}, line {number}: {line} lies outside data.root={tree.root}. "
                "Write paths relative to the list, or give a folder that holds all of them as data.root."
            )
        if not is_picture(path) and tree.has_folder(path):
            yield from tree.pictures(path)
        else:
            yield path


def _inside(tree: Tree, line: str) -> str | None:
    """A line as a path relative to the root; None for a place outside it."""
    if not line.startswith("/"):
        path = posixpath.normpath(line)
        return None if path.split("/")[0] == ".." else path
    absolute = Path(posixpath.normpath(line))
    for root in (tree.root.absolute(), tree.root.resolve()):
        if absolute.is_relative_to(root):
            return absolute.relative_to(root).as_posix()
    relative = posixpath.normpath(line.lstrip("/"))  # some lists put a slash before what is relative to the root
    # Not remembered, as millions could be: what vanishes changes the time of its folder.
    return relative if (tree.root / relative).exists() else None
