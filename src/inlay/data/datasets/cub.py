"""Caltech-UCSD Birds-200-2011, with the captions of Reed et al. (CVPR 2016)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from inlay.data.captions import read_sentences
from inlay.data.datasets.disk import below, unnamed, wrong_layout
from inlay.data.filesystem import Tree
from inlay.data.records import DatasetLayout, Record, RejectedFile
from inlay.errors import InlayError

_LISTS = ("images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt")
_EXPECTED = (
    f"CUB_200_2011/ with images/, {', '.join(_LISTS)}, and, if wanted, bounding_boxes.txt; "
    "text/ (captions) and segmentations/ beside it or in it"
)
_SOURCE = "https://data.caltech.edu/records/65de6-vp158 (CUB_200_2011.tgz)"
_TEXT_SOURCE = "the text archive (cvpr2016_cub.tar.gz, linked as 'birds' from https://github.com/reedscot/cvpr2016)"
_TEXTS = ("text_c10", "text")
_CLASS_LISTS = {"train": "trainvalclasses.txt", "test": "testclasses.txt"}


@dataclass(frozen=True, kw_only=True)
class CUB(DatasetLayout):
    """CUB-200-2011: birds, their boxes, segmentations and ten captions each.

    Attributes:
        classes: ``all`` for the split of ``train_test_split.txt``, in which every class has both parts;
            ``zero_shot`` for the split of classes that text-to-image work uses (150 to train on, 50 to test).
    """

    classes: Literal["all", "zero_shot"] = "all"

    def __post_init__(self) -> None:
        if self.classes not in ("all", "zero_shot"):
            raise InlayError(f"data.listing.classes must be 'all' or 'zero_shot', got {self.classes!r}.")

    @override
    def __call__(self, tree: Tree) -> Iterator[Record | RejectedFile]:
        home = "CUB_200_2011" if tree.has_folder("CUB_200_2011") else ""
        for needed in ("images", *_LISTS):
            if not tree.has(below(home, needed)):
                raise wrong_layout(tree, below(home, needed), _EXPECTED, _SOURCE)
        yield from self._named(tree, home)

    def _named(self, tree: Tree, home: str) -> Iterator[Record | RejectedFile]:
        known = _Annotations(tree, home)
        split_of, no_split = self._splits(tree, home, known.class_of)
        named: set[str] = set()
        found = without = 0
        for number, name, *_ in tree.table(below(home, "images.txt"), 2):
            image = below(home, "images", name)
            if image in named:
                yield RejectedFile(image, "named twice by images.txt")
            elif number not in split_of:
                yield RejectedFile(image, no_split)
            else:
                row = Record(id=name, image=image, split=split_of[number])
                try:
                    known.annotate(number, row)
                except InlayError as error:
                    yield RejectedFile(image, f"its captions: {error}", row["split"])
                else:
                    yield row
                found, without = found + 1, without + ("captions" not in row)
            named.add(image)
        yield from unnamed(tree, below(home, "images"), named, "not named by images.txt")
        if without == found and (torch := _torch_captions(tree, home)):
            tree.tell(
                f"{torch} and its like are captions for Torch, which Inlay does not read. Needed is text_c10/ or text/ "
                f"with CLASS/IMAGE.txt, a caption a line: take it from {_TEXT_SOURCE}."
            )
        elif without and known.texts:
            tree.tell(f"{known.texts.name}/ has no captions for {without:,} pictures.")
        elif without:
            looked = [str(tree.root / place) for place in _places(home, *_TEXTS)]
            if not home:
                looked += [str(tree.root.resolve().parent / place) for place in _places("", *_TEXTS)]
            tree.tell(f"no captions; looked for {', '.join(looked)}. They come in {_TEXT_SOURCE}.")

    def _splits(self, tree: Tree, home: str, class_of: dict[str, str]) -> tuple[dict[str, str], str]:
        """The split of each picture's number, and why a picture may have none."""
        if self.classes == "zero_shot":
            by_class = _class_splits(tree, home)
            splits = {number: by_class[name] for number, name in class_of.items() if name in by_class}
            return splits, f"its class is in neither {' nor '.join(_CLASS_LISTS.values())}"
        names = {"1": "train", "0": "test"}
        flags = tree.table(below(home, "train_test_split.txt"), 2)
        splits = {number: names[flag] for number, flag, *_ in flags if flag in names}
        return splits, "train_test_split.txt gives it no split"


class _Annotations:
    """What the lists and archives of CUB say of a picture, by its number there."""

    def __init__(self, tree: Tree, home: str) -> None:
        self._tree = tree
        names = {number: name for number, name, *_ in tree.table(below(home, "classes.txt"), 2)}
        labels = tree.table(below(home, "image_class_labels.txt"), 2)
        self.class_of = {image: names[number] for image, number, *_ in labels if number in names}
        path = below(home, "bounding_boxes.txt")
        boxes = tree.table(path, 5) if tree.has(path) else ()
        self._boxes = {number: _box(tree, path, sides) for number, *sides in boxes}
        texts = next(_annexes(tree, home, *_TEXTS), None)
        self.texts = None if texts is None else _ByClass(*texts, ".txt")
        self._segmentations = _segmentations(tree, home)

    def annotate(self, number: str, row: Record) -> None:
        """Add to a row what there is. Raises :class:`InlayError` where its captions cannot be read."""
        if number in self.class_of:
            row["label"] = self.class_of[number]
        text = self.texts and self.texts.of(row["id"])
        if self.texts and text and (said := read_sentences(self.texts.tree, text)):
            row["captions"] = said
        if number in self._boxes:
            row["bbox"] = self._boxes[number]
        if self._segmentations and (mask := self._segmentations.of(row["id"])):
            row["mask"], row["mask_is"] = mask, "white"


class _ByClass:
    """A folder that holds ``class/image.suffix`` for some pictures."""

    def __init__(self, tree: Tree, folder: str, suffix: str) -> None:
        self.tree, self._folder, self._suffix = tree, folder, suffix
        self.name = folder or str(tree.root)  # for messages
        self._names: dict[str, frozenset[str]] = {}

    def of(self, image: str) -> str | None:
        """The file of ``class/image.jpg`` in the tree, if there is one."""
        folder, _, name = below(self._folder, image).rpartition("/")
        if folder not in self._names:
            self._names[folder] = frozenset(self.tree.names(folder))
        file = name.rpartition(".")[0] + self._suffix
        return f"{folder}/{file}" if file in self._names[folder] else None


def _annexes(tree: Tree, home: str, *names: str) -> Iterator[tuple[Tree, str]]:
    """Folders that other archives unpack to, each with the tree it is in: of the root, then those next to it.

    Next to the root they are where the root itself is the folder of the pictures' archive.
    """
    for place in _places(home, *names):
        if tree.has_folder(place):
            yield tree, place
    for place in _places("", *names) if not home else ():
        if (other := tree.beside(place)) is not None:
            yield other, ""


def _segmentations(tree: Tree, home: str) -> _ByClass | None:
    owner, folder = next(_annexes(tree, home, "segmentations"), (tree, None))
    if owner is not tree:
        tree.tell(
            f"{owner.root} is not used, as masks have to lie below data.root. Give data.root={owner.root.parent}."
        )
        return None
    return None if folder is None else _ByClass(tree, folder, ".png")


def _places(home: str, *names: str) -> Iterator[str]:
    """Where people put what comes in archives of its own: in the root, or in the folder of either archive."""
    for folder in dict.fromkeys(("", home, "cvpr2016_cub")):
        for name in names:
            yield below(folder, name)


def _torch_captions(tree: Tree, home: str) -> str | None:
    """A file in which the archives have captions for Torch: one a class, or one a picture in folders of classes."""
    for owner, place in _annexes(tree, home, "text_c10", "text", "word_c10", "cub_icml"):
        folders = [place, *(below(place, name) for name in owner.names(place)[:1])]
        for folder in folders:
            if found := next((name for name in owner.names(folder) if name.endswith(".t7")), None):
                return below(folder, found) if owner is tree else str(owner.root / folder / found)
    return None


def _box(tree: Tree, path: str, sides: list[str]) -> list[float]:
    try:
        left, top, width, height = map(float, sides)
    except ValueError:
        raise InlayError(f"{tree.root / path}: expected 'x y width height', got {' '.join(sides)!r}.") from None
    return [left, top, round(left + width, 2), round(top + height, 2)]


def _class_splits(tree: Tree, home: str) -> dict[str, str]:
    splits = {}
    for split, name in _CLASS_LISTS.items():
        places = [(owner, below(folder, name)) for owner, folder in _annexes(tree, home, "", *_TEXTS)]
        owner, path = next(((owner, path) for owner, path in places if owner.has(path)), (tree, None))
        if path is None:
            raise InlayError(
                f"data.listing.classes=zero_shot: {name} is missing. Take {' and '.join(_CLASS_LISTS.values())} from "
                f"{_TEXT_SOURCE} and put them into data.root={tree.root}."
            )
        splits.update({entry: split for entry, *_ in owner.table(path, 1)})
    return splits
