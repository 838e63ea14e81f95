"""Oxford-IIIT Pet."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from typing_extensions import override

from inlay.data.captions import captioned
from inlay.data.datasets.disk import below, unnamed, wrong_layout
from inlay.data.filesystem import Tree
from inlay.data.records import DatasetLayout, Record, RejectedFile

_SPLITS = ("trainval", "test")
_SPECIES = {"1": "cat", "2": "dog"}
_EXPECTED = "images/ and annotations/{trainval.txt, test.txt, trimaps/, xmls/}, or both of them in oxford-iiit-pet/"
_SOURCE = "https://www.robots.ox.ac.uk/~vgg/data/pets/, or with: inlay data download pets --root DIR"


@dataclass(frozen=True, kw_only=True)
class Pets(DatasetLayout):
    """Oxford-IIIT Pet: cats and dogs of 37 breeds, their trimaps and, in part, boxes around their heads.

    Attributes:
        captions: a caption file (:mod:`inlay.data.captions`), below the root or relative to the working folder;
            None for a sentence made of breed and species.
    """

    captions: str | None = None

    @override
    def __call__(self, tree: Tree) -> Iterator[Record | RejectedFile]:
        home = "oxford-iiit-pet" if tree.has_folder("oxford-iiit-pet") else ""
        for needed in ("images", *(f"annotations/{split}.txt" for split in _SPLITS)):
            if not tree.has(below(home, needed)):
                raise wrong_layout(tree, below(home, needed), _EXPECTED, _SOURCE)
        rows = _rows(tree, home, templates=self.captions is None)
        yield from captioned(rows, tree, self.captions)


def sentence(breed: str, species: str) -> str:
    """What may be said of every picture of a breed, such as ``american_bulldog``."""
    name = breed.replace("_", " ")
    return f"a photo of {'an' if name[0].lower() in 'aeiou' else 'a'} {name}, a breed of {species}."


def _rows(tree: Tree, home: str, templates: bool) -> Iterator[Record | RejectedFile]:
    trimaps, boxes = (below(home, "annotations", folder) for folder in ("trimaps", "xmls"))
    has_trimap, has_box = set(tree.names(trimaps)), set(tree.names(boxes))
    named: set[str] = set()
    for split in _SPLITS:
        for name, _, species, *_ in tree.table(below(home, "annotations", f"{split}.txt"), 3):
            image, breed = below(home, "images", f"{name}.jpg"), name.rpartition("_")[0] or name
            if image in named:
                yield RejectedFile(image, f"named twice, at last by {split}.txt")
                continue
            named.add(image)
            row = Record(id=name, image=image, split=split, label=breed)
            if templates and species in _SPECIES:
                row["captions"] = [sentence(breed, _SPECIES[species])]
            if f"{name}.png" in has_trimap:
                row["mask"], row["mask_is"] = f"{trimaps}/{name}.png", "trimap"
            if f"{name}.xml" in has_box:
                box = _head(tree, f"{boxes}/{name}.xml")
                if isinstance(box, RejectedFile):
                    yield box
                else:
                    row["bbox"] = box
            yield row
    yield from unnamed(tree, below(home, "images"), named, "named by neither trainval.txt nor test.txt")


def _head(tree: Tree, path: str) -> list[float] | RejectedFile:
    """The box of an annotation in PASCAL VOC's format: the first object's."""
    try:
        box = ElementTree.fromstring(tree.text(path)).find("object/bndbox")
        return [float(box.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax")]  # type: ignore[union-attr]
    except (ElementTree.ParseError, AttributeError, ValueError):
        return RejectedFile(path, "not an annotation with object/bndbox; its picture has no box")
