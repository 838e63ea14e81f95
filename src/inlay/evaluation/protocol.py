"""A frozen test: which pictures, how they are cut, which holes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from inlay.data.pictures import Pictures
from inlay.errors import InlayError
from inlay.evaluation.folder import case_name
from inlay.randomness import RngStream, check_seed, generator
from inlay.types import MaskGenerator

_NOT_HASHED = ("about", "truth")  # which change no sample


@dataclass(frozen=True, kw_only=True)
class EvalProtocol:
    """A recipe of samples that depend on the dataset alone, not on the machine.

    What is measured on them is no part of it: probes have versions of their own.

    Attributes:
        name: of the protocol.
        about: a sentence for readers.
        version: to be raised when the code draws other samples under an unchanged recipe.
        pictures: maximal number of pictures, chosen by the seed; None for all.
        size: height and width of a sample in pixels.
        cut: ``center`` cuts the largest square in the middle, ``squash`` resizes the whole picture to a square.
        around_object: side of a square around the object's bounding box that is cut, as a multiple of the longer side
            of the box; None to cut from the whole picture.
        holes: mask generators by name; every picture is filled once for each.
        captions: whether fillers that take text get the picture's first caption.
        samples: number of fills by different seeds that a stochastic filler makes for each hole; 1 for none.
        seed: of pictures, masks and samples.
        truth: whether the picture under a hole is what should appear there. Without (an object is to be removed), only
            probes that need no truth measure.
        recipe: these settings as plain data, which are hashed.

    Raises:
        InlayError: a number is out of range.
    """

    name: str
    about: str
    version: int
    pictures: int | None
    size: int
    cut: Literal["center", "squash"]
    around_object: float | None
    holes: Mapping[str, MaskGenerator]
    captions: bool
    samples: int
    seed: int
    truth: bool
    recipe: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.cut not in ("center", "squash"):
            raise InlayError(f"protocol.cut must be 'center' or 'squash', got {self.cut!r}.")
        if isinstance(self.seed, int):
            check_seed(self.seed, "protocol.seed")
        minima = {"version": 1, "pictures": 1, "size": 16, "samples": 1, "seed": 0}
        for name, minimum in minima.items():
            number = getattr(self, name)
            if not ((isinstance(number, int) and number >= minimum) or (number is None and name == "pictures")):
                raise InlayError(f"protocol.{name} must be a whole number from {minimum}, got {number!r}.")
        if self.around_object is not None and self.around_object < 1:
            raise InlayError(
                f"protocol.around_object must be null or at least 1 (the box itself), got {self.around_object}."
            )
        if not self.holes or len({case_name(0, hole) for hole in self.holes}) < len(self.holes):
            names = ", ".join(self.holes) or "none"
            raise InlayError(f"protocol.holes must name mask generators, with distinct file names; got {names}.")

    def chosen(self, pictures: Pictures) -> list[int]:
        """The positions of the pictures of a dataset that are used, ascending."""
        if self.pictures is None or self.pictures >= len(pictures):
            return list(range(len(pictures)))
        order = generator(self.seed, RngStream.EVAL_PICTURES).permutation(len(pictures))
        return sorted(order[: self.pictures].tolist())

    def hash(self, ids: Sequence[str]) -> str:
        """16 hexadecimal digits that stand for the recipe and the names of the pictures in their order."""
        recipe = {key: value for key, value in self.recipe.items() if key not in _NOT_HASHED}
        text = json.dumps([recipe, list(ids)])  # not sorted: the place of a hole is the address of its draws
        return hashlib.sha256(text.encode()).hexdigest()[:16]
