"""Batches: the training stream is endless, sharded over processes, and resumable at any batch.

They are bytes where workers put them together, and float32 on the device that trains.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from inlay import stopping
from inlay.data.samples import RawSample, SampleIndex
from inlay.data.skipped import SkippedSamples
from inlay.distributed import rank_and_world
from inlay.errors import InlayError
from inlay.randomness import RngStream, generator
from inlay.types import Batch, Tokens

_SECONDS_TO_LIVE = 20  # of a worker that was asked to stop
ENDLESS = 2**40  # a length that no run reaches, small enough for float64


class InfiniteDistributedSampler(Sampler[SampleIndex]):
    """Addresses without end: pass after pass over the data, each in an order of its own.

    The stream is one for all processes, and process ``r`` of ``n`` takes every ``n``-th sample of it, so the samples
    of step ``k`` are the same for any number of processes with the same global batch. Batches run on over the end of
    a pass; a data set smaller than a batch is simply met several times.

    Args:
        length: how many samples the data has.
        seed: of the run.
        limit: repeat the first ``limit`` samples; None for all.
    """

    def __init__(self, length: int, seed: int, limit: int | None = None) -> None:
        self.length, self.seed, self.limit = length, seed, limit
        self.start = 0
        """How many samples, of all processes together, are already behind it."""

    def __len__(self) -> int:
        return ENDLESS

    def __iter__(self) -> Iterator[SampleIndex]:
        rank, world = rank_and_world()
        if self.limit is None:
            yield from self._indices(self.start + rank, world)
        else:
            first = list(islice(self._indices(0, 1), self.limit))
            yield from (first[place % self.limit] for place in count(self.start + rank, world))

    def _indices(self, start: int, world: int) -> Iterator[SampleIndex]:
        """Every ``world``-th one from there on, without end."""
        epoch, place = divmod(start, self.length)
        while True:
            # An order of this pass's own, which any process can make at any time: nothing but a place is stored.
            order = generator(self.seed, RngStream.ORDER, epoch).permutation(self.length)
            while place < self.length:
                yield SampleIndex(epoch, int(order[place]))
                place += world
            # A step over the end goes on in the next pass (or a later one, of a data set smaller than a batch).
            passed, place = divmod(place, self.length)
            epoch += passed


@dataclass(frozen=True)
class Collate:
    """Samples to a batch of bytes; the skipped samples of all of them become one list.

    Attributes:
        tokenizers: functions from captions to tokens, by the batch key that the tokens get.
    """

    tokenizers: Mapping[str, Callable[[Sequence[str]], Tokens]]

    def __call__(self, samples: Sequence[RawSample]) -> dict[str, Any]:
        """Put a batch together."""
        values = [{key: value for key, value in sample.items() if key != "skipped"} for sample in samples]
        batch: dict[str, Any] = default_collate(values)
        batch |= {name: tokenize(batch["caption"]) for name, tokenize in self.tokenizers.items()}
        return batch | {"skipped": [one for sample in samples for one in sample["skipped"]]}


WITHOUT_TOKENS = Collate({})


def to_batch(collated: Mapping[str, Any]) -> Batch:
    """Turn collated bytes into a :class:`~inlay.types.Batch`.

    Args:
        collated: ``image`` ``(B, H, W, 3)`` uint8, ``id``, and other keys: further pictures as uint8, masks as
            ``(B, H, W)`` bool; anything else is passed on.
    """
    batch = dict(collated)
    for key, value in collated.items():
        if isinstance(value, Tensor) and value.dtype == torch.uint8:
            # A view: the memory stays as it is, which is PyTorch's channels_last.
            batch[key] = value.permute(0, 3, 1, 2).float().div_(np.iinfo(np.uint8).max)
        elif isinstance(value, Tensor) and value.dtype == torch.bool:
            batch[key] = value.unsqueeze(1).float()
    if "mask" not in batch:  # samples without a hole
        batch["mask"] = torch.zeros_like(batch["image"][:, :1])
    return cast(Batch, batch)


class SampleLoader(DataLoader[Any]):
    """A DataLoader that collects what its samples could not use in ``skipped``."""

    def __init__(
        self, dataset: Dataset[Any], skipped: SkippedSamples, collate: Collate = WITHOUT_TOKENS, **options: Any
    ) -> None:
        super().__init__(dataset, collate_fn=collate, worker_init_fn=_outlive_signals, **options)
        self.skipped = skipped

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a generator is an iterator
        for batch in super().__iter__():
            self.skipped.add(batch.pop("skipped"))
            yield batch


def _outlive_signals(worker: int) -> None:
    """A cluster asks all processes to stop, and the first one needs its batch to come to the end of a step."""
    for number in stopping.signals():
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(_SECONDS_TO_LIVE))


class TrainingLoader(SampleLoader):
    """The loader of an :class:`InfiniteDistributedSampler`, which remembers how many samples have been trained on.

    Lightning stores ``state_dict`` in every checkpoint and gives it back on resume; the next batch is then the one
    that an uninterrupted run would have seen, whatever the number of workers or processes. A batch that was handed out
    and not trained on to the end (:meth:`trained`) is handed out again.

    Args:
        dataset: takes a :class:`~inlay.data.samples.SampleIndex`.
        skipped: collects the samples that were skipped.
        sampler: of all processes; this one takes its share.
        batch_size: samples a batch in this process.
        options: of :class:`SampleLoader`.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        skipped: SkippedSamples,
        sampler: InfiniteDistributedSampler,
        batch_size: int,
        **options: Any,
    ) -> None:
        super().__init__(dataset, skipped, batch_size=batch_size, sampler=sampler, **options)
        self.stream = sampler
        self.samples = 0
        """Trained on so far, in all processes together."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.stream.start = self.samples
        yield from super().__iter__()

    def trained(self) -> None:
        """Take note that a batch has done its work, in every process."""
        _, world = rank_and_world()
        self.samples += (self.batch_size or 1) * world

    @property
    def passes(self) -> int:
        """How often the data was gone through, all processes together."""
        return self.samples // self.stream.length

    def state_dict(self) -> dict[str, int]:
        """Where the stream stands."""
        return {"samples": self.samples}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there.

        Raises:
            InlayError: an earlier version of Inlay stored it.
        """
        if "samples" not in state:
            raise InlayError("the checkpoint is of an earlier version and cannot be resumed. Begin with init_from=.")
        self.samples = state["samples"]
