"""From a photograph to a sample: read, cut, draw a hole, flip. Every draw has an address."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, default_collate

from inlay.data.crops import WHOLE, Box, CropBox, around, central_frame, mirrored, random_frame
from inlay.data.mask_context import CroppedContext
from inlay.data.pictures import Pictures, SourceImage
from inlay.data.skipped import SkippedSample, stopping
from inlay.data.transforms import ColorJitter
from inlay.errors import BadFile, InlayError, NoHole
from inlay.randomness import RngStream, generator
from inlay.types import MaskGenerator, Tokens

OnBadFile = Literal["error", "skip"]

_ATTEMPTS = 100


class SampleIndex(NamedTuple):
    """Which sample, in which pass over the data."""

    epoch: int
    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody asks an address for


class RawSample(TypedDict):
    """A sample as workers hand it over: bytes, a quarter of what float32 would move."""

    image: NDArray[np.uint8]
    """``(H, W, 3)`` RGB."""
    mask: NDArray[np.bool_]
    """``(H, W)``, True = hole."""
    id: str
    caption: NotRequired[str]
    """There for every sample of a dataset with captions; empty where a picture has none."""
    label: NotRequired[int]
    """There for every sample of a dataset with classes."""
    problems: list[SkippedSample]
    """What could not be used in its place."""


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How samples are made of photographs.

    Attributes:
        masks: where holes come from.
        size: height and width of a sample.
        seed: of the run.
        object_crop_scale: cut from a square around the object's bounding box, whose side is the box's longer side
            times this; None for the whole picture, which is also what a picture without a box gives.
        on_bad_file: ``error`` lets a :class:`~inlay.errors.BadFile` stop the run, ``skip`` replaces the picture.
    """

    masks: MaskGenerator
    size: int
    seed: int
    object_crop_scale: float | None = None
    on_bad_file: OnBadFile = "error"


class Samples(Dataset[RawSample], ABC):
    """Samples by address. A picture that cannot be used is replaced by one that the address determines.

    Args:
        pictures: the photographs.
        recipe: how samples are made of them.
        split: which photographs these are, for the list of what could not be used.
    """

    at_least: int | None
    """The short side in pixels that a photograph should have; more would be decoded in vain."""

    def __init__(self, pictures: Pictures, recipe: SampleConfig, split: str) -> None:
        self.pictures, self.recipe, self.split = pictures, recipe, split
        self.captioned, self.labeled = pictures.captioned, pictures.labeled

    def __len__(self) -> int:
        return len(self.pictures)

    @abstractmethod
    def make(self, epoch: int, index: int) -> RawSample:
        """The sample at an address. Raises :class:`_Unusable` where its picture gives none."""

    def replaced(self, epoch: int, index: int) -> RawSample:
        """The sample at an address, or what takes its place."""
        try:
            return self.make(epoch, index)
        except _Unusable as unusable:
            problems = [unusable.problem]
        others = generator(self.recipe.seed, RngStream.REPLACEMENT, epoch, index)
        while len(problems) < _ATTEMPTS:
            try:
                sample = self.make(epoch, int(others.integers(len(self))))
            except _Unusable as unusable:
                problems.append(unusable.problem)
            else:
                sample["problems"] = problems
                return sample
        last = problems[-1]
        raise InlayError(f"{_ATTEMPTS} pictures in a row cannot be used; the last one is {last.id}: {last.reason}")

    def photograph(self, index: int) -> tuple[SourceImage, Box]:
        """The photograph at a position, and where in it a sample may lie."""
        try:
            photograph = self.pictures.read(index, self.at_least)
        except BadFile as error:
            raise self._unusable(self.pictures.id(index), "picture", error) from error
        if self.recipe.object_crop_scale is None or photograph.bbox is None:
            return photograph, WHOLE
        return photograph, around(photograph.bbox, photograph.size, self.recipe.object_crop_scale)

    def hole(self, photograph: SourceImage, frame: CropBox, rng: np.random.Generator) -> NDArray[np.bool_]:
        """A mask for what a frame shows of a photograph."""
        size = self.recipe.size
        try:
            return self.recipe.masks(size, size, rng, CroppedContext(photograph, frame, size))
        except BadFile as error:
            raise self._unusable(photograph.id, "mask", error) from error
        except NoHole as error:
            raise _Unusable(SkippedSample(self.split, photograph.id, "hole", "", str(error))) from error

    def sample(
        self, photograph: SourceImage, image: NDArray[np.uint8], mask: NDArray[np.bool_], caption: int | None
    ) -> RawSample:
        """Put a sample together, with one of the photograph's captions, chosen by a number of any size, or without."""
        sample = RawSample(image=image, mask=mask, id=photograph.id, problems=[])
        if self.captioned:
            said = photograph.captions
            sample["caption"] = said[caption % len(said)] if said and caption is not None else ""
        if self.labeled and photograph.label is not None:
            sample["label"] = photograph.label
        return sample

    def _unusable(self, id: str, what: Literal["picture", "mask"], error: BadFile) -> Exception:
        if self.recipe.on_bad_file == "error":
            return stopping(error)
        return _Unusable(SkippedSample(self.split, id, what, error.path, error.reason))


class _Unusable(Exception):
    def __init__(self, problem: SkippedSample) -> None:
        super().__init__(problem)
        self.problem = problem


class TrainingSamples(Samples):
    """Augmented crops with fresh holes: a pure function of ``(seed, epoch, index)``.

    Args:
        pictures: as for :class:`Samples`.
        recipe: likewise.
        crop_scale: smallest and largest area of a crop as a share of what it may be cut from.
        color_jitter: see :class:`inlay.data.transforms.ColorJitter`.
        flip: how probable it is that left and right are exchanged.
        caption_dropout: how probable it is that a sample comes without its caption.
    """

    def __init__(
        self,
        pictures: Pictures,
        recipe: SampleConfig,
        crop_scale: tuple[float, float],
        color_jitter: float = 0.0,
        flip: float = 0.5,
        caption_dropout: float = 0.0,
    ) -> None:
        super().__init__(pictures, recipe, "train")
        self.crop_scale, self.flip, self.caption_dropout = crop_scale, flip, caption_dropout
        self._jitter = ColorJitter(color_jitter)
        self.at_least = None if recipe.object_crop_scale else math.ceil(recipe.size / math.sqrt(crop_scale[0]))

    def __getitem__(self, address: SampleIndex) -> RawSample:
        return self.replaced(*address)

    def make(self, epoch: int, index: int) -> RawSample:
        """See :class:`Samples`."""
        photograph, window = self.photograph(index)
        augment = generator(self.recipe.seed, RngStream.AUGMENT, epoch, index)
        frame = random_frame(photograph.size, window, self.crop_scale, augment)
        mask = self.hole(photograph, frame, generator(self.recipe.seed, RngStream.TRAIN_MASK, epoch, index))
        image = self._jitter(frame.cut(photograph.pixels, self.recipe.size), augment)
        caption, turn, silence = int(augment.integers(2**32)), augment.random(), augment.random()
        if turn < self.flip:
            image, mask = mirrored(image), mirrored(mask.view(np.uint8)).view(np.bool_)
        return self.sample(photograph, image, mask, None if silence < self.caption_dropout else caption)


class EvaluationSamples(Samples):
    """Central crops with frozen holes and the first caption: a pure function of ``(seed, index)``."""

    def __init__(self, pictures: Pictures, recipe: SampleConfig) -> None:
        super().__init__(pictures, recipe, "val")
        self.at_least = None if recipe.object_crop_scale else recipe.size

    def __getitem__(self, index: int) -> RawSample:
        return self.replaced(0, index)

    def make(self, epoch: int, index: int) -> RawSample:
        """See :class:`Samples`; there is one pass only."""
        photograph, window = self.photograph(index)
        frame = central_frame(photograph.size, window)
        mask = self.hole(photograph, frame, generator(self.recipe.seed, RngStream.EVAL_MASK, index=index))
        return self.sample(photograph, frame.cut(photograph.pixels, self.recipe.size), mask, caption=0)


@dataclass(frozen=True)
class Collate:
    """Samples to a batch of bytes; the problems of all of them come as one list.

    Attributes:
        tokenizers: what turns captions into tokens, by the name that the tokens get in the batch.
    """

    tokenizers: Mapping[str, Callable[[Sequence[str]], Tokens]]

    def __call__(self, samples: Sequence[RawSample]) -> dict[str, Any]:
        """Put a batch together."""
        values = [{key: value for key, value in sample.items() if key != "problems"} for sample in samples]
        batch: dict[str, Any] = default_collate(values)
        batch |= {name: tokenize(batch["caption"]) for name, tokenize in self.tokenizers.items()}
        return batch | {"problems": [problem for sample in samples for problem in sample["problems"]]}
