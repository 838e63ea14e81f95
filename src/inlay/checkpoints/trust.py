"""What a file may ask to be built: classes, from the list that each group of the configuration keeps."""

from importlib import import_module
from pathlib import Path
from typing import Any

from inlay.errors import InlayError

_OPTIMIZERS, _SCHEDULERS = "torch.optim", "torch.optim.lr_scheduler"
_HOMES = {
    "model": ("inlay.models",),
    "loss": ("inlay.losses",),
    "text": ("inlay.text",),
    "discriminator": ("inlay.models",),
    "matcher": ("inlay.text_image",),
    "task": ("inlay.tasks", "inlay.text", "inlay.models", "inlay.text_image"),
    "optimizer": (_OPTIMIZERS,),
    "scheduler": (_SCHEDULERS, "inlay.schedules"),
}
"""Where the classes of a group live: its list is what these packages export (``__all__``)."""

_DEEPEST = 16  # levels of a configuration; ours have five
_MOST = 10**7  # of channels, layers, words: lists of so many would still fit
_COUNTED = ("model", "loss", "text", "discriminator", "matcher", "task")


def check_trusted(path: str | Path, config: dict[str, Any]) -> None:
    """Refuse a configuration that would build anything but the classes that its groups may have.

    No functions or methods, no instructions to Hydra but ``_partial_``, nothing that would be looked up.

    Args:
        path: of the file that has it.
        config: its groups, by name.

    Raises:
        InlayError: naming what it asks for.
    """
    for group, part in config.items():
        _check(path, part, group, _DEEPEST)


def trusted_class(target: Any, group: str) -> type | None:
    """The class that a target names, if it is on its group's list.

    Args:
        target: such as ``inlay.models.PConvUNet``, or the same by the module that defines it.
        group: such as ``model``.
    """
    if not isinstance(target, str):
        return None
    name = target.rpartition(".")[2]
    for home in map(import_module, _HOMES.get(group, ())):
        found = getattr(home, name) if name in home.__all__ else None
        if isinstance(found, type) and target in (f"{home.__name__}.{name}", f"{found.__module__}.{name}"):
            return found
    return None


def _check(path: str | Path, config: Any, group: str, depth: int) -> None:
    if depth == 0:
        raise InlayError(f"{path}: {group} goes deeper than {_DEEPEST} levels. Not to be trusted.")
    if isinstance(config, dict):
        _check_target(path, config, group)
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            _check(path, value, group, depth - 1)
    elif isinstance(config, int) and abs(config) > _MOST and group in _COUNTED:
        raise InlayError(f"{path}: {group} asks for {config:,} of something. Not to be trusted.")
    elif isinstance(config, str) and "${" in config:
        raise InlayError(f"{path}: asks for {config!r}, which would be looked up. Not to be trusted.")


def _check_target(path: str | Path, config: dict[Any, Any], group: str) -> None:
    if "_target_" in config and trusted_class(config["_target_"], group) is None:
        raise InlayError(
            f"{path}: asks for {config['_target_']!r}, not part of Inlay that {group}= may choose. Not to be trusted."
        )
    for key, value in config.items():
        if not isinstance(key, str) or (key == "_partial_" and not isinstance(value, bool)):
            raise InlayError(f"{path}: {group} has {key!r}={value!r}. Not to be trusted.")
        if key.startswith("_") and key not in ("_target_", "_partial_"):
            raise InlayError(f"{path}: {group} has {key!r}, an instruction to Hydra. Not to be trusted.")
