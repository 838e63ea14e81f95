"""Checkpoints: plain data that carries its own configuration, opened without running any code of theirs."""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from hydra.utils import get_object
from torch import Tensor, nn

import inlay
from inlay.errors import InlayError

KEY = "inlay"
NET = "net."


def provenance(config: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its origin, under the key ``inlay``.

    Args:
        config: the resolved configuration of the run, plain containers only.
    """
    return {"version": inlay.__version__, "config": config}


def read(path: str | Path) -> dict[str, Any]:
    """Open a checkpoint of Inlay on the CPU as plain data.

    Raises:
        InlayError: the file is missing, damaged, holds more than plain data, or is not one of ours.
    """
    path = Path(path)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
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


def network_weights(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """The network's part of a checkpoint, named as in the network's own state dict."""
    return {k.removeprefix(NET): v for k, v in checkpoint["state_dict"].items() if k.startswith(NET)}


def build_network(path: str | Path) -> nn.Module:
    """Rebuild the network of a checkpoint from the file alone, on the CPU, in eval mode.

    Raises:
        InlayError: see :func:`read`; or the file asks for something that is not a network of Inlay, or its weights do
            not fit the network it describes.
    """
    checkpoint = read(path)
    try:
        model = dict(checkpoint[KEY]["config"]["model"])
        network = _network_class(path, model.pop("_target_"))
    except (KeyError, TypeError, ValueError):
        raise InlayError(f"{path}: the checkpoint does not say which network it holds.") from None
    # Called directly rather than by Hydra, which would also resolve interpolations and targets among the arguments.
    try:
        net = network(**{name: _plain(path, value) for name, value in model.items()})
        net.load_state_dict(network_weights(checkpoint))
    except (TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise InlayError(f"{path}: the weights do not fit the network it describes ({reason}).") from None
    return net.eval()


def _network_class(path: str | Path, target: Any) -> type[nn.Module]:
    """Look up a network class that Inlay itself defines; refuse anything else, also a detour (``inlay.images.os``)."""
    found = None
    if isinstance(target, str) and target.startswith("inlay.models."):
        try:
            found = get_object(target)
        except Exception:  # whatever the lookup raised, the answer is the same
            found = None
    if not (isinstance(found, type) and issubclass(found, nn.Module) and found.__module__.startswith("inlay.models.")):
        raise InlayError(
            f"{path}: asks for {target!r}, which is not a network of Inlay. The file is not to be trusted."
        )
    return found


def _plain(path: str | Path, value: Any) -> Any:
    """A number, a string, or a list of such; anything nested could ask for more than a number."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(path, item) for item in value]
    raise InlayError(f"{path}: asks for {value!r} as an argument of its network. The file is not to be trusted.")


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


def transfer(path: str | Path, net: nn.Module) -> Transfer:
    """Copy a checkpoint's weights into a network as far as names and shapes agree (``init_from=``).

    Raises:
        InlayError: see :func:`read`; or nothing fits at all.
    """
    given, own = network_weights(read(path)), net.state_dict()
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
