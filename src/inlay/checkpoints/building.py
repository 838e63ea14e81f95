"""From a checkpoint to the modules it describes."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from inlay.checkpoints.meta_init import Weightless, fill
from inlay.checkpoints.pretrained_folder import TEXT_MODEL, backbone
from inlay.checkpoints.reading import NAMES, other_version, read, settings, weights
from inlay.checkpoints.trust import trusted_class
from inlay.errors import InlayError
from inlay.pretrained.transformers import local_only

_PER_TENSOR, _MORE = 2, 1000  # weights that layers may ask for: those in the file, and those of frozen networks
_MOST = 10_000  # what a number may be besides those that count weights, such as the longest caption's words


def build_network(path: str | Path) -> nn.Module:
    """Rebuild the network of a checkpoint from the file alone, on the CPU, in eval mode.

    Raises:
        InlayError: see :func:`~inlay.checkpoints.read`; or the file asks for something that is not a network of Inlay,
            or its weights do not fit the network it describes.
    """
    checkpoint = read(path)
    return _build(path, checkpoint, "model", "net", settings(path, checkpoint, "model"))


def build_text_encoder(path: str | Path) -> nn.Module:
    """Rebuild the text encoder of a checkpoint, likewise.

    A pretrained backbone comes from where the run had it; that of an exported folder lies in its ``text_model``, or
    in the hub's cache.

    Raises:
        InlayError: see :func:`build_network`; or the backbone's files are missing.
    """
    checkpoint = read(path)
    arguments = settings(path, checkpoint, "text")
    if not (Path(path).is_dir() and "model" in arguments):
        return _build(path, checkpoint, "text", "text", arguments)
    name = arguments["model"]
    try:
        return _build(path, checkpoint, "text", "text", {**arguments, "model": backbone(Path(path), name)})
    except InlayError as error:
        if not str(error).startswith("text.model="):
            raise
        raise InlayError(
            f"{path}: its text encoder reads with {name}, which is not part of it and could not be loaded. Put "
            f"config.json, model.safetensors and the tokenizer's files of {name} into {Path(path) / TEXT_MODEL}."
        ) from error


def _build(path: str | Path, checkpoint: dict[str, Any], group: str, part: str, arguments: dict[str, Any]) -> nn.Module:
    kind, held = _class(path, arguments.pop("_target_", None), group), weights(checkpoint, part)
    # Where transformers brings a network of its own, it has ways of its own, too.
    weightless = nullcontext() if "model" in arguments else Weightless(_PER_TENSOR * len(held) + _MORE)
    # Called directly rather than by Hydra, which would also resolve interpolations and targets among the arguments.
    try:
        _check_width(arguments, held)
        numbers = sum(value.numel() for value in held.values())
        given = {name: _plain(path, value, numbers + _MOST) for name, value in arguments.items()}
        with local_only(numbers), weightless:
            module = kind(**given)
        fill(module, held)
    except (TypeError, RuntimeError, ValueError, ArithmeticError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise InlayError(
            f"{path}: the weights do not fit the {NAMES[group]} it describes ({reason}).{other_version(checkpoint)}"
        ) from None
    return module.eval()


def _check_width(arguments: dict[str, Any], held: dict[str, Tensor]) -> None:
    """Refuse a text encoder whose features would be wider than those that the file holds."""
    known = held.get("null_word")
    if known is not None and arguments.get("dim", len(known)) != len(known):
        raise ValueError(f"dim is {arguments['dim']}, and its weights have {len(known)}")


def _class(path: str | Path, target: Any, group: str) -> type[nn.Module]:
    """The class of a network or text encoder that a checkpoint names; anything else is refused."""
    found = trusted_class(target, group)
    if found is None or not issubclass(found, nn.Module):
        raise InlayError(
            f"{path}: asks for {target!r}, which is not a {NAMES[group]} of Inlay. The file is not to be trusted."
        )
    return found


def _plain(path: str | Path, value: Any, most: int) -> Any:
    """A number up to some size, a string, or a list of such; anything nested could ask for more than a number."""
    if isinstance(value, int) and abs(value) > most:
        raise ValueError(f"no part of it has {value:,} of anything")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(path, item, most) for item in value]
    raise InlayError(f"{path}: asks for {value!r} as an argument. The file is not to be trusted.")
