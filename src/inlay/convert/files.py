"""Foreign weight files: opened without running code of theirs, checked, and carried over to our names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from inlay.checkpoints import META_KEY
from inlay.checkpoints.files import digest
from inlay.checkpoints.meta_init import EmptyWeights
from inlay.checkpoints.provenance import software
from inlay.errors import InlayError
from inlay.files.tensors import load_plain

_NAMED = 3  # keys that a refusal names
_WRAPPER = "module."  # which DataParallel puts before every name

Shape = tuple[int, ...]


class Imported(NamedTuple):
    """A foreign network as one of ours."""

    checkpoint: dict[str, Any]
    """As :func:`inlay.checkpoints.read` gives it."""
    report: str
    """What became of each entry, one a line, then remarks and the tally."""
    card: str
    """A model card in Markdown."""


class Move(NamedTuple):
    """What becomes of one entry of a foreign file."""

    key: str
    """Its key in the foreign file."""
    shape: Shape | None
    """Its shape in the foreign file; None for what is no tensor."""
    ours: str | None
    """The key of our state dict that it becomes, or None where it is left out."""
    what: str = "copied"
    """What was done with it, or why it is left out."""

    def __str__(self) -> str:
        shape = "" if self.shape is None else f" {self.shape}"
        fate = f"left out: {self.what}" if self.ours is None else f"-> {self.ours}: {self.what}"
        return f"{self.key}{shape} {fate}"


def tally(moves: Sequence[Move]) -> str:
    """How many entries were carried over, and how many left out."""
    kept = sum(move.ours is not None for move in moves)
    return f"{len(moves)} keys: {kept} carried over, {len(moves) - kept} left out"


def shapes_of(build: Callable[..., nn.Module], settings: Mapping[str, Any]) -> dict[str, Shape]:
    """Shapes in the state dict of a module of ours, without laying it out."""
    with EmptyWeights():
        return {key: tuple(value.shape) for key, value in build(**settings).state_dict().items()}


def imported(
    sources: Sequence[Path],
    card: str,
    lines: Sequence[Move | str],
    origin: str,
    config: Mapping[str, Any],
    **parts: Mapping[str, Tensor],
) -> Imported:
    """Put an import together: a card, the lines of its report, and a task's settings and parts as a checkpoint."""
    named = {"from": origin, **{path.name: digest(path) for path in sources}}
    state = {f"{part}.{key}": value for part, held in parts.items() for key, value in held.items()}
    checkpoint = {META_KEY: {**software(), "config": config, "imported": named}, "state_dict": state}
    return Imported(checkpoint, "\n".join(map(str, lines)), card)


def opened(path: Path) -> Any:
    """What ``torch.save`` wrote, on the CPU, if it is plain data.

    Raises:
        InlayError: the file is missing, damaged, or holds more than plain data.
    """
    if path.is_dir():
        raise InlayError(f"{path}: a folder. Name the file of weights in it.")
    if not path.exists():
        raise InlayError(f"{path}: no such file. Check the path.")
    try:
        return load_plain(path)
    except InlayError:
        raise
    except Exception as error:  # what torch raises on other people's files has no common base
        raise InlayError(
            f"{path}: cannot be read as plain weights ({type(error).__name__}). It is damaged, or holds code, which is "
            "not run. Download it again, or use another."
        ) from error


def tensors(path: Path, state: Any) -> dict[str, Tensor]:
    """A state dict, without the prefix that DataParallel leaves.

    Raises:
        InlayError: it is no state dict.
    """
    if not isinstance(state, Mapping) or not state or not all(_is_entry(*item) for item in state.items()):
        kinds = f"a {type(state).__name__}"
        if isinstance(state, Mapping):
            some = ", ".join(f"{key}: {type(value).__name__}" for key, value in list(state.items())[:3])
            kinds = f"a dict of {some} ..."
        raise InlayError(f"{path}: holds {kinds} where a state dict was expected: names, and a tensor for each.")
    cut = len(_WRAPPER) if all(key.startswith(_WRAPPER) for key in state) else 0
    return {key[cut:]: value for key, value in state.items()}


def _is_entry(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, Tensor) and value.layout == torch.strided


def entry(state: Mapping[str, Tensor], key: str, source: str, dims: int) -> Tensor:
    """A tensor whose shape tells the width of a network.

    Raises:
        InlayError: it is missing or has another number of dimensions; the file is of another family.
    """
    if key not in state or state[key].ndim != dims:
        some = ", ".join(list(state)[:_NAMED])
        raise InlayError(f"{source}: without {key!r} of {dims} dimensions, so not of this family. Its keys: {some} ...")
    return state[key]


def carried(
    source: str, state: Mapping[str, Tensor], moves: Iterable[Move], twins: Iterable[tuple[str, str]] = ()
) -> dict[str, Tensor]:
    """Copy tensors under our keys, in float32 (counters stay integers).

    Args:
        source: of the tensors, for messages.
        state: the foreign state dict.
        moves: one for each of its keys.
        twins: pairs of keys of one tensor.

    Raises:
        InlayError: a tensor is missing, unexpected, of another shape, or differs from its twin; the first are named.
    """
    shapes = {move.key: move.shape for move in moves}
    shared = shapes.keys() & state.keys()
    _refuse(source, "are missing", [key for key in shapes if key not in shared])
    _refuse(source, "are not known", [key for key in state if key not in shared])
    odd = [key for key in shapes if shapes[key] != tuple(state[key].shape)]
    _refuse(source, "have other shapes", [f"{key} {tuple(state[key].shape)} for {shapes[key]}" for key in odd])
    unlike = [f"{one} and {other}" for one, other in twins if not torch.equal(state[one], state[other])]
    _refuse(source, "that should be one tensor differ", unlike)
    return {move.ours: _own(state[move.key]) for move in moves if move.ours is not None}


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
