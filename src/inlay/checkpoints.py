"""Checkpoints: plain data that carries its own configuration, opened without running any code of theirs."""

import pkgutil
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.hub import local_only

KEY = "inlay"
AVERAGE = "average"
"""Where a checkpoint keeps the moving average of weights, if the run had one."""

_HOMES = {"model": "inlay.models.", "text": "inlay.text."}
_NAMES = {"model": "network", "text": "text encoder"}


def locate(name: str | Path) -> Path:
    """Where a checkpoint lies."""
    return Path(name)


def read(path: str | Path) -> dict[str, Any]:
    """Open a checkpoint of Inlay on the CPU as plain data.

    Raises:
        InlayError: the file is missing, damaged, holds more than plain data, or is not one of ours.
    """
    path = Path(path)
    try:
        # mapped: a part of it can be had without reading the rest, such as the optimizers
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise InlayError(f"{path}: no such checkpoint. Check the path; runs keep theirs in checkpoints/.") from None
    except IsADirectoryError:
        raise InlayError(f"{path}: a folder. Name a checkpoint file, e.g. {path / 'checkpoints/best.ckpt'}.") from None
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise InlayError(
            f"{path}: not a readable checkpoint ({type(error).__name__}). It is damaged or holds code; use another."
        ) from error
    if not isinstance(checkpoint, dict) or not {KEY, "state_dict"} <= checkpoint.keys():
        raise InlayError(f"{path}: not a checkpoint of Inlay (no {KEY!r} entry). Give one that train.py wrote.")
    return checkpoint


def weights(checkpoint: dict[str, Any], part: str) -> dict[str, Tensor]:
    """What a checkpoint holds of one part of its task, named as in that part's own state dict.

    Averaged weights stand for those they are the average of.

    Args:
        checkpoint: from :func:`read`.
        part: ``net``, ``text``.
    """
    held, prefix = {**checkpoint["state_dict"], **checkpoint.get(AVERAGE, {})}, f"{part}."
    return {key.removeprefix(prefix): value for key, value in held.items() if key.startswith(prefix)}


def settings(path: str | Path, checkpoint: dict[str, Any], group: str) -> dict[str, Any]:
    """What a checkpoint's configuration says of one of its parts.

    Raises:
        InlayError: it says nothing.
    """
    try:
        return dict(checkpoint[KEY]["config"][group])
    except (KeyError, TypeError, ValueError):
        raise InlayError(f"{path}: the checkpoint does not say which {_NAMES[group]} it holds.") from None


def training_size(path: str | Path) -> int | None:
    """Side in pixels of the crops that a checkpoint was trained on; None where it does not say. Errors: :func:`read`."""
    try:
        size = read(path)[KEY]["config"]["data"]["image_size"]
    except (KeyError, TypeError):
        return None
    return size if isinstance(size, int) and size > 0 else None


def build_network(path: str | Path) -> nn.Module:
    """Rebuild the network of a checkpoint from the file alone, on the CPU, in eval mode.

    Raises:
        InlayError: see :func:`read`; or the file asks for something that is not a network of Inlay, or its weights do
            not fit the network it describes.
    """
    return _build(path, read(path), "model", "net")


def build_text_encoder(path: str | Path) -> nn.Module:
    """Rebuild the text encoder of a checkpoint, likewise; a frozen backbone comes from where the run had it.

    Raises:
        InlayError: see :func:`build_network`; or the backbone's files are missing.
    """
    return _build(path, read(path), "text", "text")


def _build(path: str | Path, checkpoint: dict[str, Any], group: str, part: str) -> nn.Module:
    arguments = settings(path, checkpoint, group)
    kind = _class(path, arguments.pop("_target_", None), group)
    # Called directly rather than by Hydra, which would also resolve interpolations and targets among the arguments.
    try:
        with local_only():
            module = kind(**{name: _plain(path, value) for name, value in arguments.items()})
        module.load_state_dict(weights(checkpoint, part))
    except (TypeError, RuntimeError, ValueError, ArithmeticError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise InlayError(f"{path}: the weights do not fit the {_NAMES[group]} it describes ({reason}).") from None
    return module.eval()


def _class(path: str | Path, target: Any, group: str) -> type[nn.Module]:
    """Look up a class that Inlay itself defines; refuse anything else, also a detour (``inlay.images.os``)."""
    found, home = None, _HOMES[group]
    if isinstance(target, str) and target.startswith(home):
        try:
            found = pkgutil.resolve_name(target)
        except Exception:  # whatever the lookup raised, the answer is the same
            found = None
    if not (isinstance(found, type) and issubclass(found, nn.Module) and found.__module__.startswith(home)):
        raise InlayError(
            f"{path}: asks for {target!r}, which is not a {_NAMES[group]} of Inlay. The file is not to be trusted."
        )
    return found


_TRUSTED = ("inlay.", "torch.optim.")


def check_trusted(path: str | Path, config: Any) -> None:
    """Refuse a configuration that would call anything but what is Inlay's own, or an optimizer.

    Args:
        path: of the file that has it.
        config: the configuration, or a part of it.

    Raises:
        InlayError: naming what it asks for.
    """
    if isinstance(config, dict):
        if "_target_" in config and not _is_trusted(config["_target_"]):
            raise InlayError(f"{path}: asks for {config['_target_']!r}, not part of Inlay. Not to be trusted.")
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            check_trusted(path, value)
    if isinstance(config, str) and "${" in config:
        raise InlayError(f"{path}: asks for {config!r}, which would be looked up. Not to be trusted.")


def _is_trusted(target: Any) -> bool:
    if not (isinstance(target, str) and target.startswith(_TRUSTED)):
        return False
    try:
        found = pkgutil.resolve_name(target)
    except Exception:  # whatever the lookup raised, the answer is the same
        return False
    return callable(found) and str(getattr(found, "__module__", "")).startswith(_TRUSTED)


def _plain(path: str | Path, value: Any) -> Any:
    """A number, a string, or a list of such; anything nested could ask for more than a number."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(path, item) for item in value]
    raise InlayError(f"{path}: asks for {value!r} as an argument. The file is not to be trusted.")


@dataclass(frozen=True)
class Transfer:
    """What became of each key when weights were carried over."""

    loaded: list[str]
    missing: list[str]
    unexpected: list[str]
    mismatched: list[str]

    def __str__(self) -> str:
        lines = []
        for title in ("loaded", "missing", "unexpected", "mismatched"):
            keys = getattr(self, title)
            lines += [f"{len(keys)} keys {title}", *(f"  {key}" for key in keys)]
        return "\n".join(lines)


def transfer(path: str | Path, net: nn.Module, part: str = "net") -> Transfer:
    """Copy a checkpoint's weights into a network as far as names and shapes agree (``init_from=``).

    Args:
        path: of the checkpoint.
        net: takes the weights.
        part: of the checkpoint's task, that gives them.

    Raises:
        InlayError: see :func:`read`; or nothing fits at all.
    """
    given, own = weights(read(path), part), net.state_dict()
    shared = given.keys() & own.keys()
    fits = {key for key in shared if given[key].shape == own[key].shape}
    report = Transfer(
        loaded=sorted(fits),
        missing=sorted(own.keys() - given.keys()),
        unexpected=sorted(given.keys() - own.keys()),
        mismatched=[f"{k}: {tuple(given[k].shape)} there, {tuple(own[k].shape)} here" for k in sorted(shared - fits)],
    )
    if not fits:
        raise InlayError(f"init_from={path}: no weight fits this network. Is it a checkpoint of another model?")
    net.load_state_dict({key: given[key] for key in fits}, strict=False)
    return report


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
