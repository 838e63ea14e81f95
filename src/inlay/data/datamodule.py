"""Pictures to batches of samples. A dataset is a layout on disk (``inlay.data.datasets``) and a yaml."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch

from inlay.data.index import open_split
from inlay.data.loader import Collate, InfiniteDistributedSampler, SampleLoader, TrainingLoader, to_batch
from inlay.data.parts import RESERVED, SamplePart
from inlay.data.pictures import IndexedPictures, Pictures
from inlay.data.prepare import OnDamaged, find_index, read_refused
from inlay.data.records import DatasetLayout
from inlay.data.samples import EvaluationSamples, OnBadFile, SampleConfig, Samples, TrainingSamples
from inlay.data.skipped import SkippedSample, SkippedSamples, missing
from inlay.distributed import rank_and_world
from inlay.errors import InlayError
from inlay.parallel import cores
from inlay.randomness import RngStream, check_seed, generator
from inlay.types import Batch, Tokens

log = logging.getLogger(__name__)

Split = Literal["train", "val"]

_NO_CAPTIONS = (
    "this run reads captions, and the data has none. Choose data=cub or data=pets, or give a folder its captions: "
    "data.listing.captions=beside, or a caption file."
)


class InpaintingData(pl.LightningDataModule, ABC):
    """Batches of samples.

    Args:
        sample: what a sample holds beside its picture, by batch key (:mod:`inlay.data.parts`): ``mask`` for a hole,
            ``target`` for what the composite should become where that is not the picture, ``reference``.
        image_size: height and width of a sample in pixels.
        batch_size: samples a training step, over all processes together.
        crop_scale: smallest and largest area of a training crop as a share of the picture's.
        object_crop_scale: cut samples from a square around the object's bounding box, whose side is the box's longer
            side times this; None for the whole picture.
        hflip_prob: probability of exchanging left and right in training.
        color_jitter: strength of random color changes in training, in ``[0, 1]``; 0 for none.
        caption_dropout: probability of leaving the caption out in training.
        on_bad_file: ``error`` stops at a broken file, ``skip`` replaces it and lists it.
        num_workers: processes that prepare samples, at most one a core; 0 prepares them in the training process.
        overfit_one_batch: train on the first batch again and again, to see whether a recipe learns at all.
        seed: of every draw.

    Raises:
        InlayError: a number is out of range.
    """

    def __init__(
        self,
        sample: Mapping[str, SamplePart],
        image_size: int = 256,
        batch_size: int = 8,
        crop_scale: tuple[float, float] = (0.5, 1.0),
        object_crop_scale: float | None = None,
        hflip_prob: float = 0.5,
        color_jitter: float = 0.0,
        caption_dropout: float = 0.0,
        on_bad_file: OnBadFile = "error",
        num_workers: int = 4,
        overfit_one_batch: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        low, high = crop_scale
        for holds, message in (
            (not set(sample) & set(RESERVED), f"sample must not name {', '.join(RESERVED)}, got {', '.join(sample)}"),
            (image_size >= 16, f"image_size must be at least 16, got {image_size}"),
            (batch_size >= 1, f"batch_size must be >= 1, got {batch_size}"),
            (num_workers >= 0, f"num_workers must be >= 0, got {num_workers}"),
            (0.0 < low <= high <= 1.0, f"crop_scale must be 0 < low <= high <= 1, got [{low}, {high}]"),
            (
                object_crop_scale is None or object_crop_scale >= 1.0,
                f"object_crop_scale must be null or at least 1 (the box itself), got {object_crop_scale}",
            ),
            (0.0 <= color_jitter <= 1.0, f"color_jitter must lie in [0, 1], got {color_jitter}"),
            (0.0 <= hflip_prob <= 1.0, f"hflip_prob must lie in [0, 1], got {hflip_prob}"),
            (0.0 <= caption_dropout <= 1.0, f"caption_dropout must lie in [0, 1], got {caption_dropout}"),
            (on_bad_file in ("error", "skip"), f"on_bad_file must be 'error' or 'skip', got {on_bad_file!r}"),
        ):
            if not holds:
                raise InlayError(f"data.{message}.")
        check_seed(seed, "data.seed")
        self.config = SampleConfig(
            parts=dict(sample), size=image_size, seed=seed, object_crop_scale=object_crop_scale, on_bad_file=on_bad_file
        )
        self.image_size = image_size
        self.batch_size = batch_size
        self.crop_scale = (low, high)
        self.hflip_prob = hflip_prob
        self.color_jitter = color_jitter
        self.caption_dropout = caption_dropout
        self.on_bad_file: OnBadFile = on_bad_file
        self.num_workers = min(num_workers, cores())
        self.overfit_one_batch = overfit_one_batch
        self.seed = seed
        self.skipped = SkippedSamples()
        """What could not be used so far."""
        self.tokenizers: dict[str, Callable[[Sequence[str]], Tokens]] = {}
        """Functions from captions to tokens, by the batch key that the tokens get (:class:`inlay.types.Batch`)."""

    @abstractmethod
    def pictures(self, split: Split) -> Pictures:
        """The pictures of a split. Raises :class:`InlayError` when there are none."""

    def train_dataloader(self) -> TrainingLoader:
        """An endless stream of training batches; of one and the same batch if that is to be overfitted."""
        samples = TrainingSamples(
            self.pictures("train"),
            self.config,
            self.crop_scale,
            self.color_jitter,
            self.hflip_prob,
            self.caption_dropout,
        )
        limit = self.batch_size if self.overfit_one_batch else None
        sampler = InfiniteDistributedSampler(len(samples), self.seed, limit)
        return TrainingLoader(samples, self.skipped, sampler, self.share(rank_and_world()[1]), **self._loading(samples))

    def val_dataloader(self) -> SampleLoader:
        """Every validation sample once, in an order of the seed, so neighbors differ; processes share them out."""
        rank, world = rank_and_world()
        samples = EvaluationSamples(self.pictures("val"), self.config)
        if len(samples) < world:  # a process without any would not take part in the sums at the end
            some = "1 picture" if len(samples) == 1 else f"{len(samples)} pictures"
            raise InlayError(f"validation has {some} for {world} processes. Use more, or fewer devices.")
        order = generator(self.seed, RngStream.EVAL_ORDER).permutation(len(samples))
        mine = order[rank::world].tolist()
        size = self.share(world)
        return SampleLoader(samples, self.skipped, sampler=mine, batch_size=size, **self._loading(samples))

    def captions(self) -> Iterable[str]:
        """Every caption of every training picture: what a vocabulary is made from.

        Raises:
            InlayError: there are none.
        """
        pictures = self.pictures("train")
        if not pictures.captioned:
            raise InlayError(_NO_CAPTIONS)
        return pictures.captions()

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> Batch:
        """Bytes to :class:`Batch`, on the training device: only a quarter of it had to travel there."""
        return to_batch(batch)

    def share(self, processes: int) -> int:
        """Samples of a batch for each of ``processes``.

        Raises:
            InlayError: they cannot be shared out evenly.
        """
        if self.batch_size % processes:
            raise InlayError(f"data.batch_size={self.batch_size} must be divisible by the {processes} processes.")
        return self.batch_size // processes

    def _loading(self, samples: Samples) -> dict[str, Any]:
        if self.tokenizers and not samples.captioned:
            raise InlayError(_NO_CAPTIONS)
        return {
            "collate": Collate(self.tokenizers),
            "num_workers": self.num_workers,
            "persistent_workers": self.num_workers > 0,
            "pin_memory": torch.cuda.is_available(),
        }


class IndexedData(InpaintingData):
    """Batches of the pictures that an index names.

    Args:
        root: the dataset's folder.
        listing: how the dataset lies in it; makes an index in the cache where none is given. None needs ``index``.
        index: a file that ``inlay data prepare`` made.
        train_split: which rows train.
        val_split: which rows validate.
        verify: whether to decode every file when an index is made in the cache; otherwise broken ones are met later.
        on_damaged: then ``refuse`` or ``keep`` pictures whose decoder says that their pixels are damaged.
        options: of :class:`InpaintingData`.
    """

    def __init__(
        self,
        root: str,
        listing: DatasetLayout | None = None,
        index: str | None = None,
        train_split: str = "train",
        val_split: str = "val",
        verify: bool = True,
        on_damaged: OnDamaged = "refuse",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.root = Path(root)
        self.listing = listing
        self.given_index = index
        self.splits: dict[Split, str] = {"train": train_split, "val": val_split}
        self.verify = verify
        self.on_damaged: OnDamaged = on_damaged

    def prepare_data(self) -> None:
        """Make the index, if there is none; in distributed training one process does."""
        self.index()

    def setup(self, stage: str) -> None:
        """Note what the index refused already, and which pictures no mask is paired with."""
        as_used = {name: split for split, name in self.splits.items()}
        for file, reason, split in read_refused(self.index()):
            if split:  # of any: what neither trains nor validates was found, too, so it is listed
                path = str(self.root / file)
                self.skipped.add([SkippedSample(as_used.get(split, split), file, "picture", path, reason)])
        for split in self.splits:
            self.skipped.add(self._without_partner(split))
        if self.splits["train"] == self.splits["val"]:
            log.warning("data.train_split and data.val_split are both %r: scores will flatter.", self.splits["val"])

    def pictures(self, split: Split) -> IndexedPictures:
        """The pictures of one of the run's splits."""
        return IndexedPictures(self.root, open_split(self.index(), self.splits[split], self.root))

    def index(self) -> Path:
        """The index file, made if need be."""
        stop = self.on_bad_file == "error"
        return find_index(
            self.root, self.listing, self.given_index, self.num_workers, self.verify, stop, on_damaged=self.on_damaged
        )

    def _without_partner(self, split: Split) -> Iterator[SkippedSample]:
        for key, part in self.config.parts.items():
            pictures = self.pictures(split)
            # A generator: they may be millions, and are read only by a part that needs them.
            ids = (pictures.id(index) for index in range(len(pictures)))
            lonely = part.without_partner(ids, training=split == "train")
            if lonely:
                log.warning(
                    "%d of %d pictures (%s) have no %s, as %s.", len(lonely), len(pictures), split, key, lonely[0]
                )
            yield from (missing(split, id, key, f"no {key} for it") for id in lonely)
