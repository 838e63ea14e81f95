"""Places2, that is Places365-Standard and Places365-Challenge, in every form it is published in."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from typing_extensions import override

from inlay.data.datasets.disk import below, is_picture, pictures, refuse, wrong_layout
from inlay.data.filesystem import Tree
from inlay.data.records import DatasetLayout, Record, RejectedFile
from inlay.errors import InlayError
from inlay.images import why_unread

_STANDARD = "places365_standard"
_SPLITS = ("train", "val", "test")
# What torchvision unpacks it names data_256_standard and data_256_challenge.
_FOLDERS: dict[str, dict[str, tuple[str, ...]]] = {
    "standard": {split: (f"{_STANDARD}/{split}", split) for split in _SPLITS},
    "small": {
        "train": ("data_256", "data_256_standard", "data_256_challenge"),
        "val": ("val_256",),
        "test": ("test_256",),
    },
    "large": {
        "train": ("data_large", "data_large_standard", "data_large_challenge"),
        "val": ("val_large",),
        "test": ("test_large",),
    },
}
_LISTS = ("", "filelist_places365-standard", "filelist_places365-challenge")  # where the official lists may lie
_EXPECTED = (
    "places365_standard/{train,val}/CATEGORY/, or {data,val,test}_256/, or {data,val,test}_large/; "
    "beside these, if wanted, the official lists"
)
_SOURCE = "http://places2.csail.mit.edu/download.html"


@dataclass(frozen=True, kw_only=True)
class Places2(DatasetLayout):
    """Places2: scenes of 365 categories.

    Attributes:
        layout: ``standard`` is ``places365_standard/`` (256 px, sorted into categories), ``small`` is ``data_256/`` and
            its kin, ``large`` is ``data_large/`` and its kin. ``auto`` takes each split from the first that has it.
    """

    layout: Literal["auto", "standard", "small", "large"] = "auto"

    def __post_init__(self) -> None:
        if self.layout != "auto" and self.layout not in _FOLDERS:
            raise InlayError(f"data.listing.layout must be one of auto, {', '.join(_FOLDERS)}, got {self.layout!r}.")

    @override
    def __call__(self, tree: Tree) -> Iterator[Record | RejectedFile]:
        chosen = self._chosen(tree)
        if not chosen:
            kind = "" if self.layout == "auto" else f" for data.listing.layout={self.layout}"
            raise wrong_layout(tree, f"every folder of Places2{kind}", _EXPECTED, _SOURCE)
        for split, folder in chosen.items():
            names = _training_list(tree, folder) if split == "train" else None
            if names is None:
                yield from _found(tree, split, folder)
            else:
                yield from _listed(tree, folder, names)
        yield from _beside(tree)

    def _chosen(self, tree: Tree) -> dict[str, str]:
        """The folder of each split; what else there is, is announced and left alone."""
        chosen = {}
        for split in _SPLITS:
            there = {folder: layout for folder, layout in _candidates(split) if tree.has_folder(folder)}
            fit = [folder for folder, layout in there.items() if self.layout in ("auto", layout)]
            if fit:
                chosen[split] = fit[0]
            for folder in [folder for folder in there if folder not in fit[:1]]:
                instead = f", {fit[0]}/ is" if fit else ""
                same_kind = bool(fit) and there[folder] == there[fit[0]]
                how = f"move {fit[0]}/ away" if same_kind else f"data.listing.layout={there[folder]}"
                level = logging.WARNING if self.layout == "auto" or same_kind else logging.INFO
                tree.tell(f"{folder}/ is not used{instead}. To use it: {how}", level)
        return chosen


def category(path: str) -> str:
    """The category that a folder is: ``a/airfield`` and ``/a/airfield`` are ``airfield``."""
    first, _, rest = path.strip("/").partition("/")
    return rest if len(first) == 1 and rest else below(first, rest)


def _candidates(split: str) -> Iterator[tuple[str, str]]:
    for layout, folders in _FOLDERS.items():
        for folder in folders[split]:
            yield folder, layout


def _found(tree: Tree, split: str, folder: str) -> Iterator[Record | RejectedFile]:
    """Every picture below a folder, labeled by its own folder or by the official list."""
    labels = _labels(tree, split)
    for found in pictures(tree, folder):
        if isinstance(found, RejectedFile):
            yield found
            continue
        name = found[len(folder) + 1 :]
        row = Record(id=f"{split}/{name}", image=found, split=split)
        place = name.rpartition("/")[0]
        if label := category(place) if place else labels.get(name):
            row["label"] = label
        yield row


def _labels(tree: Tree, split: str) -> dict[str, str]:
    """The categories of pictures that lie in no folder of theirs; the test pictures' are not published."""
    if split != "val":
        return {}
    names, categories = _list(tree, "places365_val.txt"), _list(tree, "categories_places365.txt")
    if names is None or categories is None:
        return {}
    called = {number: category(name) for name, number, *_ in tree.table(categories, 2)}
    return {name: called[number] for name, number, *_ in tree.table(names, 2) if number in called}


def _list(tree: Tree, name: str) -> str | None:
    return next((path for folder in _LISTS if tree.has(path := below(folder, name))), None)


def _training_list(tree: Tree, folder: str) -> str | None:
    """The list that names the pictures of a training folder, where the folder's kind has one and it is there."""
    if folder in _FOLDERS["standard"]["train"]:
        return None
    standard, challenge = (_list(tree, f"places365_train_{kind}.txt") for kind in ("standard", "challenge"))
    if folder.endswith("_standard"):
        return standard
    if folder.endswith("_challenge"):
        return challenge
    if standard and challenge:  # the challenge's archive holds both
        return challenge if _is_challenge(tree, folder, standard, challenge) else standard
    return standard or challenge


def _is_challenge(tree: Tree, folder: str, standard: str, challenge: str) -> bool:
    """Whether the first picture is there that the larger list has and the smaller, which is part of it, has not."""
    pairs = zip(_names(tree, standard), _names(tree, challenge), strict=False)
    extra = next((larger for smaller, larger in pairs if smaller != larger), None)
    found = extra is not None and tree.has(f"{folder}/{extra}")
    tree.tell(f"there are two lists of training pictures; {folder}/ is taken for {challenge if found else standard}.")
    return found


def _names(tree: Tree, names: str) -> Iterator[str]:
    return (name.lstrip("/") for name, *_ in tree.table(names, 1))


def _listed(tree: Tree, folder: str, names: str) -> Iterator[Record | RejectedFile]:
    """The pictures that a list of millions names, a category at a time, and those on disk that it does not name."""
    seen: set[str] = set()
    for place, group in groupby(_names(tree, names), key=lambda name: name.rpartition("/")[0]):
        if place in seen:
            raise InlayError(
                f"{tree.root / names}: comes back to {place}/. Sort its lines, so that categories stay whole."
            )
        seen.add(place)
        yield from _category(tree, below(folder, place), place, group, names)
    for found in pictures(tree, folder):
        if isinstance(found, RejectedFile):
            yield found
        elif found[len(folder) + 1 :].rpartition("/")[0] not in seen:
            yield RejectedFile(found, f"not named by {names}")


def _category(tree: Tree, folder: str, place: str, group: Iterable[str], names: str) -> Iterator[Record | RejectedFile]:
    named: set[str] = set()
    for name in group:
        file = name.rpartition("/")[2]
        if file in named:
            yield RejectedFile(f"{folder}/{file}", f"named twice by {names}")
            continue
        named.add(file)
        yield Record(id=f"train/{name}", image=f"{folder}/{file}", split="train", label=category(place))
    for file in tree.names(folder):
        if file not in named and is_picture(file):
            yield refuse(f"{folder}/{file}", f"not named by {names}")


def _beside(tree: Tree) -> Iterator[RejectedFile]:
    """What lies beside the folders of Places2: pictures are refused, folders only announced."""
    known = {_STANDARD, *_LISTS, *(folder for split in _SPLITS for folder, _ in _candidates(split))}
    for place in ("", _STANDARD):
        for name in tree.names(place):
            path = below(place, name)
            if path in known:
                continue
            if is_picture(name) or why_unread(name):
                yield refuse(path, "lies outside the folders of Places2")
            elif tree.has_folder(path):
                tree.tell(f"{path}/ is no folder of Places2 and not searched.")
