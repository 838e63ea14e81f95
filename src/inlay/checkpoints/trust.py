"""What a checkpoint's configuration may ask for."""

import pkgutil
from pathlib import Path
from typing import Any

from inlay.errors import InlayError

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
