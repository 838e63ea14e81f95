"""Batches: the training stream is endless, sharded over processes, and resumable at any batch."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from inlay.data.problems import Problems
from inlay.data.samples import Address, Collate
from inlay.distributed import rank_and_world
from inlay.randomness import Stream, generator

WITHOUT_TOKENS = Collate({})
ENDLESS = 2**40  # a length that no run reaches, small enough for float64


class AddressStream(Sampler[Address]):
    """Addresses without end: pass after pass over the data, each in an order of its own.

    The stream is one for all processes, and process ``r`` of ``n`` takes every ``n``-th sample of it, so the samples
    of step ``k`` are the same for any number of processes with the same global batch. Batches run on over the end of
    a pass; a data set smaller than a batch is simply met several times.

    Args:
        length: how many samples the data has.
        seed: of the run.
    """

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed = length, seed
        self.start = 0
        """How many samples of this process are already behind it."""

    def __len__(self) -> int:
        return ENDLESS

    def __iter__(self) -> Iterator[Address]:
        rank, world = rank_and_world()
        epoch, place = divmod(self.start * world + rank, self.length)
        while True:
            order = generator(self.seed, Stream.ORDER, epoch).permutation(self.length)
            while place < self.length:
                yield Address(epoch, int(order[place]))
                place += world
            passed, place = divmod(place, self.length)
            epoch += passed


class SampleLoader(DataLoader[Any]):
    """A DataLoader that takes note of what its samples could not use.

    Args:
        dataset: of samples.
        problems: where notes go.
        collate: makes batches of samples.
        options: of :class:`torch.utils.data.DataLoader`.
    """

    def __init__(
        self, dataset: Dataset[Any], problems: Problems, collate: Collate = WITHOUT_TOKENS, **options: Any
    ) -> None:
        super().__init__(dataset, collate_fn=collate, **options)
        self.problems = problems

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a generator is an iterator
        for batch in super().__iter__():
            self.problems.add(batch.pop("problems"))
            yield batch


class TrainingLoader(SampleLoader):
    """The loader of an :class:`AddressStream`, which remembers how many batches it has handed out.

    Lightning stores ``state_dict`` in every checkpoint and gives it back on resume; the next batch is then the one
    that an uninterrupted run would have seen, whatever the number of workers.

    Args:
        dataset: takes an address.
        problems: see :class:`SampleLoader`.
        stream: which addresses, in which order.
        batch_size: samples a batch in this process.
        options: of :class:`SampleLoader`.
    """

    def __init__(
        self, dataset: Dataset[Any], problems: Problems, stream: AddressStream, batch_size: int, **options: Any
    ) -> None:
        super().__init__(dataset, problems, batch_size=batch_size, sampler=stream, **options)
        self.stream = stream
        self.handed_out = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.stream.start = self.handed_out * (self.batch_size or 1)
        for batch in super().__iter__():
            self.handed_out += 1
            yield batch

    @property
    def passes(self) -> int:
        """How often the data was gone through, all processes together."""
        _, world = rank_and_world()
        return self.handed_out * (self.batch_size or 1) * world // self.stream.length

    def state_dict(self) -> dict[str, int]:
        """Where the stream stands."""
        return {"handed_out": self.handed_out}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there."""
        self.handed_out = state["handed_out"]
