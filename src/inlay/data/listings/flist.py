"""The file lists of EdgeConnect, TDANet and others of that time."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

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
    named: set[str] = set()
    for name in lists:
        split = next((split for start, split in _SPLITS.items() if name.startswith(start)), None)
        if split is None:
            yield Refused(name, f"the name of a list begins with one of {', '.join(_SPLITS)}")
            continue
        for image, mask in _pairs(tree, name):
            if mask is not None:
                named.add(mask)
            if not is_text(image):
                continue  # found in a folder, and refused below as all such names are
            if image in named:
                yield Refused(image, f"named twice, at last by {name}")
                continue
            named.add(image)
            if mask is not None and not is_text(mask):
                yield Refused(image, "the name of its mask is not valid UTF-8; rename it")
                continue
            row = Row(id=image, image=image, split=split)
            if mask is not None:
                row["mask"], row["mask_is"] = mask, "nonzero"
            yield row
    yield from unnamed(tree, "", named, "named by none of the lists")


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
    return relative if tree.has(relative) else None
