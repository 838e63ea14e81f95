"""A frozen test: which pictures, how they are cut, which holes; and the samples that this makes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from inlay.data.crops import WHOLE, center_crop, window_around
from inlay.data.mask_context import CroppedContext
from inlay.data.pictures import Pictures, SourceImage
from inlay.data.skipped import stopping
from inlay.errors import BadFile, InlayError, NoHole
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


@dataclass(frozen=True)
class EvalSample:
    """A picture with its holes.

    Attributes:
        picture: its place among the protocol's pictures.
        id: its name in the dataset.
        image: ``(H, W, 3)`` uint8 RGB; None where the file cannot be used.
        caption: the first one; empty where there is none.
        masks: ``(H, W)`` bool by the hole's name, True = hole.
        left_out: why a hole could not be drawn, by its name.
    """

    picture: int
    id: str
    image: NDArray[np.uint8] | None
    caption: str
    masks: Mapping[str, NDArray[np.bool_]]
    left_out: Mapping[str, str]

    def digest(self, hole: str) -> str:
        """16 hexadecimal digits of a hash of the pixels, the hole and the caption."""
        assert self.image is not None
        digest = hashlib.sha256(self.image.tobytes())
        digest.update(np.packbits(self.masks[hole]).tobytes())
        digest.update(self.caption.encode())
        return digest.hexdigest()[:16]


class ProtocolPictures(Dataset[EvalSample]):
    """The samples of a protocol: a pure function of the protocol, the dataset and the position.

    Args:
        protocol: the recipe.
        pictures: the dataset.
        numbers: places of the pictures among the protocol's.
        on_bad_file: ``error`` lets a :class:`~inlay.errors.BadFile` through, ``skip`` leaves the picture out.
    """

    def __init__(
        self, protocol: EvalProtocol, pictures: Pictures, numbers: Sequence[int], on_bad_file: Literal["error", "skip"]
    ) -> None:
        self.protocol, self.pictures, self.numbers, self.on_bad_file = protocol, pictures, numbers, on_bad_file
        self._positions = protocol.chosen(pictures)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> EvalSample:
        number = self.numbers[place]
        position = self._positions[number]
        try:
            return self._sample(number, self._read(position))
        except BadFile as error:
            if self.on_bad_file == "error":
                raise stopping(error) from error
            id = self.pictures.id(position)
            return EvalSample(number, id, None, "", {}, dict.fromkeys(self.protocol.holes, error.reason))

    def _read(self, position: int) -> SourceImage:
        whole = self.protocol.cut == "squash" or self.protocol.around_object is not None
        source = self.pictures.read(position, None if whole else self.protocol.size)
        if self.protocol.cut == "squash":
            side = max(source.size)
            squared = cv2.resize(source.pixels, (side, side), interpolation=cv2.INTER_LINEAR)
            source = replace(source, pixels=np.asarray(squared, np.uint8))
        return source

    def _sample(self, number: int, source: SourceImage) -> EvalSample:
        protocol, size = self.protocol, self.protocol.size
        window = WHOLE
        if protocol.around_object is not None and source.bbox is not None:
            window = window_around(source.bbox, source.size, protocol.around_object)
        crop = center_crop(source.size, window)
        context = CroppedContext(source, crop, size)
        masks, left_out = {}, {}
        for place, (name, generate) in enumerate(protocol.holes.items()):
            rng = generator(protocol.seed, RngStream.EVAL_MASK, epoch=place, index=number)
            try:
                masks[name] = generate(size, size, rng, context)
            except NoHole as error:
                left_out[name] = str(error)
        caption = source.captions[0] if source.captions and protocol.captions else ""
        return EvalSample(number, source.id, crop.cut(source.pixels, size), caption, masks, left_out)
