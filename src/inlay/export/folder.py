"""Writing a checkpoint as a folder that anybody can open: safetensors, JSON, a card."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from inlay.checkpoints import AVERAGE, META_KEY, settings, weights
from inlay.checkpoints.groups import PARTS, published
from inlay.checkpoints.pretrained_folder import (
    CARD,
    FORMAT,
    LIBRARY,
    SETTINGS,
    SHARED,
    TRAINING,
    TRAINING_PARTS,
    WEIGHTS,
)
from inlay.errors import InlayError, unwritable
from inlay.files import held, new_folder, remove_leftovers, write_bytes, write_text

if TYPE_CHECKING:
    from torch import Tensor

_VERSION = re.compile(r"[A-Za-z0-9_.+!-]{1,64}")
_NAME = re.compile(r"[\w .+!()-]{1,128}")
_REVISION = re.compile(r"[0-9a-f]{4,64}(\+changes)?")
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def write_folder(folder: Path, checkpoint: dict[str, Any], card: str, *, training: bool = False) -> list[Path]:
    """Write the weights that fill holes, averaged where the run had averages, and the settings that load them.

    The folder is there whole or not at all. Optimizers and paths of this machine stay out.

    Args:
        folder: to be made; there may be an empty one.
        checkpoint: from :func:`inlay.checkpoints.read`.
        card: Markdown.
        training: whether to write discriminators and what optimizers remember, too, if the checkpoint has any, in a
            file of their own.

    Returns:
        The files.

    Raises:
        InlayError: ``folder`` holds something already, the checkpoint does not say which network it holds, or the disk
            refuses.
    """
    settings(folder, checkpoint, "model")  # or it says that there is none
    averaged = {"averaged": True} if checkpoint.get(AVERAGE) else {}
    config = config_to_publish(checkpoint[META_KEY]["config"])
    parts = {WEIGHTS: _tensors(checkpoint, PARTS.values())}
    if training and (tensors := _tensors(checkpoint, TRAINING_PARTS)):
        parts[TRAINING] = tensors
    metadata = {"library": LIBRARY, "format": FORMAT, **averaged, **origin_of(checkpoint), "config": config}
    with writing_folder(folder) as part:
        write_text(part / SETTINGS, json.dumps(metadata, indent=1, ensure_ascii=False) + "\n")
        write_text(part / CARD, card)
        for name, tensors in parts.items():
            write_bytes(part / name, _safetensors(tensors))
    return [file for name in (*SHARED, TRAINING) if (file := folder / name).exists()]


@contextmanager
def writing_folder(folder: Path) -> Iterator[Path]:
    """A place to write in that becomes ``folder`` when all of it is there.

    Raises:
        InlayError: ``folder`` holds something already, another process writes there, or the disk refuses.
    """
    try:
        with held(folder.parent, "inlay export", part=folder.name):
            if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
                raise InlayError(
                    f"{folder}: is there already, and is not written over. Choose another name, or move it."
                )
            remove_leftovers(folder.parent, folder.name)
            with new_folder(folder) as part:
                yield part
    except OSError as error:
        raise unwritable(folder, error) from error


def config_to_publish(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run that may be published: they make the network and say how it was trained, without paths."""
    length = {name: config[name] for name in ("iterations", "seed") if config.get(name) is not None}
    return {name: without_places(value) for name, value in (published(config) | length).items()}


def origin_of(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Version, git, packages and step of a checkpoint, as far as they have the form that Inlay writes."""
    metadata = checkpoint[META_KEY]
    packages, imported = metadata.get("packages"), metadata.get("imported")
    step = metadata.get("step", checkpoint.get("global_step"))
    found = {
        "version": _formed(metadata.get("version"), _VERSION),
        "git": _formed(metadata.get("git"), _REVISION),
        "packages": _versions(packages) if isinstance(packages, dict) else None,
        "step": step if type(step) is int and step >= 0 else None,
        "averaged": metadata.get("averaged") is True or None,
        "imported": _versions(without_places(imported)) if isinstance(imported, dict) else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _formed(value: Any, form: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and form.fullmatch(value) else None


def _versions(named: dict[str, Any]) -> dict[str, str]:
    """Entries that are a version or a digest."""
    kept = {key: value.removeprefix("sha256:") for key, value in named.items() if isinstance(value, str)}
    return {key: named[key] for key, value in kept.items() if _formed(key, _NAME) and _formed(value, _VERSION)}


def without_places(value: Any) -> Any:
    """Nested data whose paths and addresses are reduced to the name at their end."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    return _last_part(value) if isinstance(value, str) and _is_place(value) else value


def is_address(value: str) -> bool:
    """Whether it names something beyond this machine, perhaps with a password."""
    return "://" in value or "@" in value


def _is_place(value: str) -> bool:
    if value.startswith(("~", ".", "/")) or PureWindowsPath(value).is_absolute() or is_address(value):
        return True
    return value.count("/") > 1 or ("/" in value and Path(value).exists())


def _last_part(value: str) -> str:
    """Name of a file, without the query and the user of an address."""
    value = _QUERY.sub("", value)
    return (PureWindowsPath(value).name if "\\" in value else PurePosixPath(value).name).rpartition("@")[2]


def _tensors(checkpoint: dict[str, Any], parts: Iterable[str]) -> dict[str, "Tensor"]:
    return {f"{part}.{key}": value for part in parts for key, value in weights(checkpoint, part).items()}


def _safetensors(tensors: dict[str, "Tensor"]) -> bytes:
    import torch
    from safetensors.torch import save

    # Copies, as the format knows neither strides nor memory that tensors share.
    own = {key: value.detach().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()}
    return save(own, metadata={"format": "pt"})
