"""From a checkpoint to the modules it describes, without running any code of its, and to modules that are there."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from inlay.checkpoints.groups import GROUPS, PARTS, admitted
from inlay.checkpoints.meta_init import EmptyWeights, WeightLimit, load_weights
from inlay.checkpoints.pretrained_folder import TEXT_MODEL, backbone
from inlay.checkpoints.reading import other_version, read, settings, weights
from inlay.errors import InlayError
from inlay.pretrained.transformers import local_only

# What constructors raise on arguments that are not theirs.
MISFITS = (TypeError, RuntimeError, ValueError, ArithmeticError, LookupError, AttributeError)
_FROZEN = 1000  # weights of layers that no file holds, as those of a frozen network
_WORDS = 10_000  # what a number may be besides those that count weights, such as the longest caption's words
_DEEPEST = 16  # levels of a configuration; ours have five
_BACKBONE = "model"  # argument of text encoders on a network of transformers: its name or folder


def build_network(path: str | Path) -> nn.Module:
    """Rebuild the network of a checkpoint from the file alone, on the CPU, in eval mode.

    Raises:
        InlayError: see :func:`~inlay.checkpoints.read`; or the file asks for something that is not a network of Inlay,
            or its weights do not fit the network it describes.
    """
    return _rebuilt(path, "model")


def build_text_encoder(path: str | Path) -> nn.Module:
    """Rebuild the text encoder of a checkpoint from the file alone, on the CPU, in eval mode.

    A pretrained backbone comes from where the run had it; that of an exported folder lies in its ``text_model``, or
    in the hub's cache.

    Raises:
        InlayError: see :func:`build_network`; or the backbone's files are missing.
    """
    return _rebuilt(path, "text")


@dataclass(frozen=True)
class FileBuilder:
    """Builds the objects that a file's configuration describes.

    A mapping with ``_target_`` is a class that the group admits (``_partial_: true`` keeps it uncalled), with the other
    entries as arguments. All else is plain: numbers, texts, lists and mappings. No function is called, nothing is
    looked up, and no other word of Hydra's is understood.

    Attributes:
        path: of the file, for messages.
        group: of the configuration, such as ``model``.
        largest: what a whole number may be, of either sign; None for any.
        constructing: context in which a class is called, by its arguments.
    """

    path: str | Path
    group: str
    largest: int | None
    constructing: Callable[[Mapping[str, Any]], AbstractContextManager[object]] = lambda arguments: nullcontext()

    def build(self, value: Any, depth: int = _DEEPEST) -> Any:
        """The object that a part of the configuration describes.

        Raises:
            InlayError: the file asks for what no file may ask for.
            Exception: one of ``MISFITS``, where a class does not take its arguments.
        """
        if depth == 0:
            raise self._distrust(f"goes deeper than {_DEEPEST} levels in {self.group}")
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, list):
            return [self.build(item, depth - 1) for item in value]
        if value is not None and not isinstance(value, bool | int | float | str):
            raise self._distrust(f"has {value!r} as an argument in {self.group}")
        if isinstance(value, int) and self.largest is not None and abs(value) > self.largest:
            raise ValueError(f"{self.group} asks for {value:,} of something")
        return value

    def _object(self, config: dict[Any, Any], depth: int) -> Any:
        words = {key: value for key, value in config.items() if not isinstance(key, str) or key.startswith("_")}
        if words.keys() - {"_target_", "_partial_"} or not isinstance(words.get("_partial_", False), bool):
            raise self._distrust(f"has {words} in {self.group}")
        kind = admitted(words["_target_"], self.group) if "_target_" in words else None
        if kind is None and words:
            noun = GROUPS[self.group].noun or self.group
            raise self._distrust(f"asks for {words.get('_target_')!r}, which is not an allowed {noun}")
        arguments = {key: self.build(value, depth - 1) for key, value in config.items() if key not in words}
        if kind is None:
            return arguments
        if words.get("_partial_"):
            return partial(kind, **arguments)
        with self.constructing(arguments):
            return kind(**arguments)

    def _distrust(self, what: str) -> InlayError:
        return InlayError(f"{self.path}: {what}. The file is not to be trusted.")


def _rebuilt(path: str | Path, group: str) -> nn.Module:
    checkpoint = read(path)
    config, held, noun = settings(path, checkpoint, group), weights(checkpoint, PARTS[group]), GROUPS[group].noun
    numbers = sum(value.numel() for value in held.values())
    empty, limit = EmptyWeights(2 * len(held) + _FROZEN), WeightLimit(numbers)

    def constructing(arguments: Mapping[str, Any]) -> AbstractContextManager[object]:
        # Networks of transformers come with weights of their own, and with a way of their own to lay them out.
        return limit if isinstance(arguments.get(_BACKBONE), str) else empty

    if is_folder := Path(path).is_dir():
        config = _with_backbones(Path(path), config)
    try:
        with local_only(numbers):
            module = FileBuilder(path, group, numbers + _WORDS, constructing).build(config)
        if not isinstance(module, nn.Module):
            raise InlayError(f"{path}: names no class for its {noun}. The file is not to be trusted.")
        load_weights(module, held)
    except InlayError as error:
        missing = re.match(r"text\.model=(.+?):", str(error)) if is_folder else None
        if missing is None or Path(name := missing[1]).is_dir():
            raise
        raise InlayError(
            f"{path}: its text encoder reads with {name}, which is not part of it and could not be loaded. Put "
            f"config.json, model.safetensors and the tokenizer's files of {name} into {Path(path) / TEXT_MODEL}."
        ) from error
    except MISFITS as error:
        reason = str(error).splitlines()[-1].strip()
        raise InlayError(
            f"{path}: the weights do not fit the {noun} it describes ({reason}).{other_version(checkpoint)}"
        ) from None
    return module.eval()


def _with_backbones(folder: Path, config: Any) -> Any:
    """The settings of an exported folder with the places of pretrained networks in them."""
    if isinstance(config, list):
        return [_with_backbones(folder, item) for item in config]
    if not isinstance(config, dict):
        return config
    placed = {key: _with_backbones(folder, value) for key, value in config.items()}
    if isinstance(name := config.get(_BACKBONE), str):
        placed[_BACKBONE] = backbone(folder, name)
    return placed


def load_matching_weights(path: str | Path, net: nn.Module, part: str = "net") -> str:
    """Copy a checkpoint's weights into a network as far as names and shapes agree (``init_from=``).

    Returns:
        Which keys were loaded and which were not, one a line.

    Raises:
        InlayError: see :func:`read`; or no weight fits.
    """
    given, own = weights(read(path), part), net.state_dict()
    shared = given.keys() & own.keys()
    fits = {key for key in shared if given[key].shape == own[key].shape}
    if not fits:
        raise InlayError(f"init_from={path}: no weight fits this network. Is it a checkpoint of another model?")
    net.load_state_dict({key: given[key] for key in fits}, strict=False)
    lists = {
        "loaded": fits,
        "missing": own.keys() - given.keys(),
        "unexpected": given.keys() - own.keys(),
        "mismatched": {f"{k}: {tuple(given[k].shape)} there, {tuple(own[k].shape)} here" for k in shared - fits},
    }
    lines = []
    for title, keys in lists.items():
        lines += [f"{len(keys)} keys {title}", *(f"  {key}" for key in sorted(keys))]
    return "\n".join(lines)


def load_text(path: str | Path, text: nn.Module) -> None:
    """Copy a checkpoint's text encoder into one with the same words (``text_from=``).

    Raises:
        InlayError: see :func:`read`; or the encoders differ.
    """
    try:
        text.load_state_dict(weights(read(path), "text"))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InlayError(f"text_from={path}: its text encoder does not fit text ({reason}).") from None
