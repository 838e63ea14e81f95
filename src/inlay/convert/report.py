"""What becomes of each tensor of a foreign file: planned, checked, and reported."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inlay.errors import InlayError

COPIED = "copied"
_NAMED = 3
"""How many keys a refusal names."""

Shape = tuple[int, ...]


class Move(NamedTuple):
    """What becomes of one entry of a foreign file."""

    key: str
    """Its key in the foreign file."""
    shape: Shape | None
    """Its shape in the foreign file; None for what is no tensor."""
    ours: str | None
    """The key of our state dict that it becomes, or None where it is left out."""
    what: str
    """What was done with it, or why it is left out."""

    def __str__(self) -> str:
        shape = "" if self.shape is None else f" {self.shape}"
        fate = f"left out: {self.what}" if self.ours is None else f"-> {self.ours}: {self.what}"
        return f"{self.key}{shape} {fate}"


@dataclass(frozen=True)
class ConversionReport:
    """All moves of an import, and remarks of a sentence each."""

    moves: Sequence[Move]
    remarks: Sequence[str] = ()

    @property
    def counts(self) -> str:
        """How many entries were carried over, and how many left out."""
        kept = sum(move.ours is not None for move in self.moves)
        return f"{len(self.moves)} keys: {kept} carried over, {len(self.moves) - kept} left out"

    def __str__(self) -> str:
        return "\n".join([*map(str, self.moves), *self.remarks, self.counts])


class Imported(NamedTuple):
    """A foreign network as one of ours."""

    checkpoint: dict[str, Any]
    """As :func:`inlay.checkpoints.read` gives it."""
    report: ConversionReport
    card: str
    """A model card in Markdown."""


def entry(state: Mapping[str, Tensor], key: str, source: str, dims: int) -> Tensor:
    """A tensor whose shape tells the width of a network.

    Raises:
        InlayError: it is missing or has another number of dimensions; the file is of another family.
    """
    if key not in state or state[key].ndim != dims:
        some = ", ".join(list(state)[:_NAMED])
        raise InlayError(f"{source}: without {key!r} of {dims} dimensions, so not of this family. Its keys: {some} ...")
    return state[key]


def carried(source: str, state: Mapping[str, Tensor], moves: Iterable[Move]) -> dict[str, Tensor]:
    """Copy tensors under our keys, in float32 (counters stay integers).

    Raises:
        InlayError: a tensor is missing, unexpected, or of another shape; the first ones are named.
    """
    shapes = {move.key: move.shape for move in moves}
    shared = shapes.keys() & state.keys()
    _refuse(source, "are missing", [key for key in shapes if key not in shared])
    _refuse(source, "are not known", [key for key in state if key not in shared])
    odd = [key for key in shapes if shapes[key] != tuple(state[key].shape)]
    _refuse(source, "have other shapes", [f"{key} {tuple(state[key].shape)} for {shapes[key]}" for key in odd])
    return {move.ours: _own(state[move.key]) for move in moves if move.ours is not None}


def check_equal(source: str, state: Mapping[str, Tensor], twins: Iterable[tuple[str, str]]) -> None:
    """Refuse a file in which one tensor, stored under two names, is two.

    Raises:
        InlayError: the first ones are named.
    """
    unlike = [f"{one} and {other}" for one, other in twins if not torch.equal(state[one], state[other])]
    _refuse(source, "that should be one tensor differ", unlike)


def _refuse(source: str, what: str, keys: Sequence[str]) -> None:
    if keys:
        more = ", ..." if len(keys) > _NAMED else ""
        raise InlayError(
            f"{source}: {len(keys)} keys {what}: {', '.join(keys[:_NAMED])}{more}. Give the file as it was published."
        )


def _own(tensor: Tensor) -> Tensor:
    """Storage of its own, so that nothing else of the file is kept."""
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.to(dtype=dtype, memory_format=torch.contiguous_format, copy=True)
