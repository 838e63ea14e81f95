"""Randomness with an address: every draw is a pure function of ``(seed, stream, epoch, index)``.

What happens to a sample therefore does not depend on the worker, the rank, the batch, or on where a run was
interrupted. The generator is counter-based (Philox): reaching an address costs the same wherever it lies.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

from inlay.errors import InlayError

LAST_SEED = 2**32 - 1
"""The largest seed that a user may give: NumPy's own generators, which libraries use, take no larger one."""


class RngStream(IntEnum):
    """Purposes of random draws; streams are independent. Numbers are part of the contract: never reuse one."""

    ORDER = 0
    AUGMENT = 1
    TRAIN_MASK = 2
    EVAL_MASK = 3
    GENERATE = 4
    REPLACEMENT = 5
    LATENT = 6
    EVAL_ORDER = 7
    DROPOUT = 8
    EVAL_PICTURES = 9
    BOOTSTRAP = 10
    EVAL_SAMPLES = 11
    WINDOWS = 12
    REGION = 13


def generator(seed: int, stream: RngStream, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """The generator at an address.

    Args:
        seed: the run's seed, ``0 <= seed < 2**64``.
        stream: purpose of the draws.
        epoch: pass over the data; 0 for draws that must not change between passes (validation).
        index: the sample's position in its dataset.

    Returns:
        A generator with 2**64 draws of its own before it would meet its neighbour.
    """
    # A plain list of numbers on both sides of 2**63 would pass through float64 and lose its last digits.
    key, counter = np.array([seed, stream], np.uint64), np.array([0, index, epoch, 0], np.uint64)
    return np.random.Generator(np.random.Philox(_Key(key), counter=counter))  # type: ignore[arg-type]  # NumPy forgot the interface


def torch_seed(seed: int, stream: RngStream, epoch: int = 0, index: int = 0) -> int:
    """A seed for a generator of PyTorch, which takes no address: 63 bits drawn at ours."""
    return int(generator(seed, stream, epoch, index).integers(2**63))


class _Key(ISeedSequence):
    """A Philox key as it is: given as ``key=``, NumPy first asks the system for entropy, and takes thrice as long."""

    def __init__(self, key: NDArray[np.uint64]) -> None:
        self._key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return self._key


def check_seed(seed: int, name: str = "seed") -> None:
    """Refuse a seed below 0 or above :data:`LAST_SEED`.

    Raises:
        InlayError: it is out of range; the message calls it ``name``.
    """
    if not 0 <= seed <= LAST_SEED:
        raise InlayError(f"{name} must be from 0 to {LAST_SEED}, got {seed}.")
