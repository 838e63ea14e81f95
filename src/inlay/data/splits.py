"""Splits for datasets that come without: by a hash, so that adding pictures moves none."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice

from inlay.data.records import Record, RejectedFile

TRAIN, VAL = 0.8, 0.9  # where the parts end: 80 % train, 10 % validate, 10 % test
_HANDFUL = 200


def split_of(id: str) -> str:
    """The split of a picture: a function of its id alone."""
    place = place_of(id)
    return "train" if place < TRAIN else "val" if place < VAL else "test"


def place_of(id: str) -> float:
    """A number in ``[0, 1)`` that an id always has, evenly spread over ids."""
    return number_of(id) / 2**64


def number_of(id: str) -> int:
    """A number in ``[0, 2**64)`` that an id always has: the head of its SHA-256."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big")


def none_empty(rows: Iterable[Record | RejectedFile]) -> Iterator[Record | RejectedFile]:
    """Let one picture of a mere handful change sides where nothing would be left to train on, or to validate with."""
    rows = iter(rows)
    first = list(islice(rows, _HANDFUL))
    if len(first) < _HANDFUL:
        pictures = sorted(
            (row for row in first if not isinstance(row, RejectedFile)), key=lambda row: place_of(row["id"])
        )
        if len(pictures) > 1:
            for row, split in ((pictures[0], "train"), (pictures[-1], "val")):  # so: training takes the lowest places
                if all(other["split"] != split for other in pictures):
                    row["split"] = split
    yield from first
    yield from rows
