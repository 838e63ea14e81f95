"""From a picture to a sample: read, crop, add the parts (a hole, a target), flip. Every draw has an address."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from torch.utils.data import Dataset
from typing_extensions import override

from inlay.data.crops import WHOLE, Box, CropBox, center_crop, hflip, random_crop, window_around
from inlay.data.mask_context import CroppedContext
from inlay.data.parts import SamplePart
from inlay.data.pictures import Pictures, SourceImage
from inlay.data.skipped import SkippedSample, missing, stopping
from inlay.data.transforms import ColorJitter
from inlay.errors import BadFile, InlayError, NoHole
from inlay.randomness import RngStream, generator

OnBadFile = Literal["error", "skip"]

_ATTEMPTS = 100

RawSample = dict[str, Any]
"""A sample as workers hand it over, in bytes: a quarter of what float32 would move.

``image`` ``(H, W, 3)`` uint8 RGB, ``id``, ``skipped`` (the :class:`SkippedSample` s in whose place it stands), what the
parts add, ``caption`` in a dataset with captions (empty for a picture without one), ``label`` in one with classes.
"""


def is_pixels(value: Any) -> bool:
    """Whether an entry of a sample is a picture (uint8) or a mask (bool), and so is flipped with the others."""
    return isinstance(value, np.ndarray) and value.ndim > 1 and value.dtype in (np.uint8, np.bool_)


class SampleIndex(NamedTuple):
    """Which sample, in which pass over the data."""

    epoch: int
    index: int  # type: ignore[assignment]  # shadows tuple.index, which is not used


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How samples are made of pictures.

    Attributes:
        size: height and width of a sample.
        seed: of the run.
        parts: what a sample holds beside its picture, by batch key.
        object_crop_scale: cut from a square around the object's bounding box, whose side is the box's longer side
            times this; None for the whole picture, which is also what a picture without a box gives.
        on_bad_file: ``error`` lets a :class:`~inlay.errors.BadFile` stop the run, ``skip`` replaces the picture.
    """

    size: int
    seed: int
    parts: Mapping[str, SamplePart] = field(default_factory=dict)
    object_crop_scale: float | None = None
    on_bad_file: OnBadFile = "error"


class Samples(Dataset[RawSample], ABC):
    """Samples by address. A picture that cannot be used is replaced by one that the address determines.

    The split names them in the list of what could not be used.
    """

    min_short_side: int | None
    """The short side in pixels that a picture should have; more would be decoded in vain."""

    def __init__(self, pictures: Pictures, config: SampleConfig, split: Literal["train", "val"]) -> None:
        self.pictures, self.config, self.split = pictures, config, split
        self.captioned, self.labeled = pictures.captioned, pictures.labeled

    def __len__(self) -> int:
        return len(self.pictures)

    @abstractmethod
    def make(self, epoch: int, index: int) -> RawSample:
        """The sample at an address. Raises :class:`_Unusable` where its picture gives none."""

    def make_or_replace(self, epoch: int, index: int) -> RawSample:
        """The sample at an address, or what takes its place."""
        try:
            return self.make(epoch, index)
        except _Unusable as unusable:
            skipped = [unusable.skipped]
        others = generator(self.config.seed, RngStream.REPLACEMENT, epoch, index)
        while len(skipped) < _ATTEMPTS:
            try:
                sample = self.make(epoch, int(others.integers(len(self))))
            except _Unusable as unusable:
                skipped.append(unusable.skipped)
            else:
                return sample | {"skipped": skipped}
        last = skipped[-1]
        raise InlayError(f"{_ATTEMPTS} pictures in a row cannot be used; the last one is {last.id}: {last.reason}")

    def read(self, index: int) -> tuple[SourceImage, Box]:
        """The picture at a position, and the window of it that a sample may lie in."""
        try:
            picture = self.pictures.read(index, self.min_short_side)
        except BadFile as error:
            raise self._unusable(self.pictures.id(index), "picture", error) from error
        if self.config.object_crop_scale is None or picture.bbox is None:
            return picture, WHOLE
        return picture, window_around(picture.bbox, picture.size, self.config.object_crop_scale)

    def crop(self, picture: SourceImage, crop: CropBox, rng: np.random.Generator) -> RawSample:
        """What a crop shows of a picture, with the parts."""
        view = CroppedContext(picture, crop, self.config.size)
        sample: RawSample = {"image": crop.cut(picture.pixels, view.side), "id": picture.id, "skipped": []}
        if self.labeled and picture.label is not None:
            sample["label"] = picture.label
        for key, part in self.config.parts.items():
            try:
                sample[key] = part(view, rng, self.split == "train")
            except BadFile as error:
                raise self._unusable(picture.id, key, error) from error
            except NoHole as error:
                raise _Unusable(missing(self.split, picture.id, key, str(error))) from error
        return sample

    def caption(self, picture: SourceImage, choice: int | None) -> dict[str, str]:
        """One of the picture's captions, by a number of any size, or an empty one; nothing where none has captions."""
        if not self.captioned:
            return {}
        captions = picture.captions
        return {"caption": captions[choice % len(captions)] if captions and choice is not None else ""}

    def _unusable(self, id: str, what: str, error: BadFile) -> Exception:
        if self.config.on_bad_file == "error":
            return stopping(error)
        return _Unusable(SkippedSample(self.split, id, what, error.path, error.reason))


class _Unusable(Exception):
    def __init__(self, skipped: SkippedSample) -> None:
        super().__init__(skipped)
        self.skipped = skipped


class TrainingSamples(Samples):
    """Augmented crops: a pure function of ``(seed, epoch, index)``.

    Args:
        pictures: to crop.
        config: of all samples.
        crop_scale: smallest and largest area of a crop as a share of what it may be cut from.
        color_jitter: strength of :class:`inlay.data.transforms.ColorJitter`.
        hflip_prob: probability of exchanging left and right.
        caption_dropout: probability of leaving the caption out.
    """

    def __init__(
        self,
        pictures: Pictures,
        config: SampleConfig,
        crop_scale: tuple[float, float],
        color_jitter: float = 0.0,
        hflip_prob: float = 0.5,
        caption_dropout: float = 0.0,
    ) -> None:
        super().__init__(pictures, config, "train")
        self.crop_scale, self.hflip_prob, self.caption_dropout = crop_scale, hflip_prob, caption_dropout
        self._jitter = ColorJitter(color_jitter)
        self.min_short_side = None if config.object_crop_scale else math.ceil(config.size / math.sqrt(crop_scale[0]))

    def __getitem__(self, address: SampleIndex) -> RawSample:
        return self.make_or_replace(*address)

    @override
    def make(self, epoch: int, index: int) -> RawSample:
        picture, window = self.read(index)
        # The order of draws is part of the contract: another one would change every sample of a seed.
        augment = generator(self.config.seed, RngStream.AUGMENT, epoch, index)
        crop = random_crop(picture.size, window, self.crop_scale, augment)
        sample = self.crop(picture, crop, generator(self.config.seed, RngStream.TRAIN_MASK, epoch, index))
        pictures = {key: value for key, value in sample.items() if is_pixels(value) and value.dtype == np.uint8}
        sample |= self._jitter(pictures, augment)
        choice, flip, drop = int(augment.integers(2**32)), augment.random(), augment.random()
        if flip < self.hflip_prob:
            sample |= {key: hflip(value) for key, value in sample.items() if is_pixels(value)}
        return sample | self.caption(picture, None if drop < self.caption_dropout else choice)


class EvaluationSamples(Samples):
    """Central crops with frozen draws and the first caption: a pure function of ``(seed, index)``."""

    def __init__(self, pictures: Pictures, config: SampleConfig) -> None:
        super().__init__(pictures, config, "val")
        self.min_short_side = None if config.object_crop_scale else config.size

    def __getitem__(self, index: int) -> RawSample:
        return self.make_or_replace(0, index)

    @override
    def make(self, epoch: int, index: int) -> RawSample:
        picture, window = self.read(index)
        rng = generator(self.config.seed, RngStream.EVAL_MASK, index=index)
        return self.crop(picture, center_crop(picture.size, window), rng) | self.caption(picture, choice=0)
