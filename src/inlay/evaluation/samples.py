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
