"""The file lists of EdgeConnect, TDANet and others of that time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from typing_extensions import override

from inlay.data.captions import captioned
from inlay.data.datasets.disk import is_picture, is_text, unnamed, wrong_layout
from inlay.data.datasets.spelling import Spelling, plain, relative
from inlay.data.filesystem import Tree
from inlay.data.records import DatasetLayout, Record, RejectedFile
from inlay.errors import InlayError

_SPLITS = {"train": "train", "val": "val", "test": "test"}  # how a list's name begins: valid.flist is val, too
_MASKS = "_mask.flist"
_CAPTIONS = "caption.json"
_EXPECTED = "train*.flist and val*.flist (perhaps test*.flist), a path a line, each perhaps with its *_mask.flist"


@dataclass(frozen=True, kw_only=True)
class FList(DatasetLayout):
    """Lists in the root, ``train*.flist``, ``val*.flist`` or ``valid*.flist``, ``test*.flist``: a path a line.

    ``train_mask.flist`` gives the masks of ``train.flist`` line by line, any pixel that is not zero being the object.
    ``caption.json`` gives captions by file name. A line may name a folder: it stands for the pictures below. Lists of
    other systems are read, too: paths with backslashes, in quotes, or with other capital letters than the files have.

    Attributes:
        root_was: what the root was called where the lists were made, such as ``D:/photos``: the lines that begin with
            it lie in the root.
    """

    root_was: str | None = None

    @override
    def __call__(self, tree: Tree) -> Iterator[Record | RejectedFile]:
        yield from captioned(_rows(tree, self.root_was), tree, _CAPTIONS if tree.has(_CAPTIONS) else None)


def _rows(tree: Tree, root_was: str | None) -> Iterator[Record | RejectedFile]:
    lists = [name for name in tree.names("") if name.endswith(".flist") and not name.endswith(_MASKS)]
    if not lists:
        raise wrong_layout(tree, "a list (.flist)", _EXPECTED, "the project that made the lists")
    used = [name for name in lists if _split(name)]
    spelled = Spelling(tree, lambda: (path for name in used for pair in _pairs(tree, name, root_was) for path in pair))
    known = spelled.names
    for name in lists:
        if (split := _split(name)) is None:
            yield RejectedFile(name, f"the name of a list begins with one of {', '.join(_SPLITS)}")
            continue
        for image, mask in ((spelled(image), mask and spelled(mask)) for image, mask in _pairs(tree, name, root_was)):
            if mask is not None:
                known.comes_again(mask)
            if not is_text(image):
                continue  # found in a folder, and refused below as all such names are
            if known.comes_again(image):
                yield RejectedFile(image, f"named twice, at last by {name}")
                continue
            if mask is not None and not is_text(mask):
                yield RejectedFile(image, "the name of its mask is not valid UTF-8; rename it")
                continue
            row = Record(id=image, image=image, split=split)
            if mask is not None:
                row["mask"], row["mask_is"] = mask, "nonzero"
            yield row
    yield from unnamed(tree, "", known, "named by none of the lists")


def _split(name: str) -> str | None:
    return next((split for start, split in _SPLITS.items() if name.startswith(start)), None)


def _pairs(tree: Tree, name: str, root_was: str | None) -> Iterator[tuple[str, str | None]]:
    masks = name.removesuffix(".flist") + _MASKS
    if not tree.has(masks):
        yield from ((image, None) for image in _paths(tree, name, root_was))
        return
    images, partners = _paths(tree, name, root_was), _paths(tree, masks, root_was)
    for number, (image, mask) in enumerate(zip_longest(images, partners)):
        if image is None or mask is None:
            longer, extra = (masks, partners) if image is None else (name, images)
            raise InlayError(
                f"{tree.root / masks}: its lines belong to those of {name} one by one, but {longer} names "
                f"{number + 1 + sum(1 for _ in extra)} files and the other {number}. Make them equally long."
            )
        yield image, mask


def _paths(tree: Tree, name: str, root_was: str | None) -> Iterator[str]:
    for number, line in tree.lines(name):
        path = relative(tree, plain(line), root_was)
        if path is None:
            raise InlayError(
                f"{tree.root / name}, line {number}: {line} lies outside data.root={tree.root}. Say what that folder "
                "was called where the list was made, data.listing.root_was=FOLDER, or write paths relative to the list."
            )
        if not is_picture(path) and tree.has_folder(path):
            yield from tree.pictures(path)
        else:
            yield path
