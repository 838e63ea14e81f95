"""The pictures of a protocol, cut, with all their holes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from inlay.data.crops import WHOLE, center_crop, window_around
from inlay.data.mask_context import CroppedContext
from inlay.data.pictures import Pictures, SourceImage
from inlay.data.skipped import stopping
from inlay.errors import BadFile, NoHole
from inlay.evaluation.protocol import EvalProtocol
from inlay.randomness import RngStream, generator


@dataclass(frozen=True)
class EvalSample:
    """A picture with its holes.

    Attributes:
        picture: its place among the protocol's pictures.
        id: what it is called in its dataset.
        image: ``(H, W, 3)`` uint8 RGB; None where the file cannot be used.
        caption: what fillers that read are told, the first one; empty where there is none.
        masks: ``(H, W)`` bool by the hole's name, True = hole.
        left_out: why a hole could not be had, by its name.
    """

    picture: int
    id: str
    image: NDArray[np.uint8] | None
    caption: str
    masks: Mapping[str, NDArray[np.bool_]]
    left_out: Mapping[str, str]

    def digest(self, hole: str) -> str:
        """16 hexadecimal digits that stand for the very pixels of the picture and of a hole, and for the caption."""
        assert self.image is not None
        told = hashlib.sha256(self.image.tobytes())
        told.update(np.packbits(self.masks[hole]).tobytes())
        told.update(self.caption.encode())
        return told.hexdigest()[:16]


class ProtocolPictures(Dataset[EvalSample]):
    """The cases of a protocol, by picture: a pure function of the protocol, the dataset and the position.

    Args:
        protocol: says how.
        pictures: the dataset.
        numbers: which of the protocol's pictures, by their place.
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
            picture = self._photograph(position)
            return self._cases(number, picture)
        except BadFile as error:
            if self.on_bad_file == "error":
                raise stopping(error) from error
            id = self.pictures.id(position)
            return EvalSample(number, id, None, "", {}, dict.fromkeys(self.protocol.holes, error.reason))

    def _photograph(self, position: int) -> SourceImage:
        whole = self.protocol.cut == "squash" or self.protocol.around_object is not None
        picture = self.pictures.read(position, None if whole else self.protocol.size)
        if self.protocol.cut == "squash":
            side = max(picture.size)
            squared = cv2.resize(picture.pixels, (side, side), interpolation=cv2.INTER_LINEAR)
            picture = replace(picture, pixels=np.asarray(squared, np.uint8))
        return picture

    def _cases(self, number: int, picture: SourceImage) -> EvalSample:
        protocol, size = self.protocol, self.protocol.size
        window = WHOLE
        if protocol.around_object is not None and picture.bbox is not None:
            window = window_around(picture.bbox, picture.size, protocol.around_object)
        crop = center_crop(picture.size, window)
        context = CroppedContext(picture, crop, size)
        masks, left_out = {}, {}
        for place, (name, family) in enumerate(protocol.holes.items()):
            rng = generator(protocol.seed, RngStream.EVAL_MASK, epoch=place, index=number)
            try:
                masks[name] = family(size, size, rng, context)
            except NoHole as error:
                left_out[name] = str(error)
        caption = picture.captions[0] if picture.captions and protocol.captions else ""
        return EvalSample(number, picture.id, crop.cut(picture.pixels, size), caption, masks, left_out)
