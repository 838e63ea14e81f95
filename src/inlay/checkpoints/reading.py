"""Opening checkpoints as plain data, and what they hold."""

from pathlib import Path
from typing import Any

from torch import Tensor

import inlay
from inlay.checkpoints.files import resolved
from inlay.checkpoints.groups import GROUPS
from inlay.checkpoints.pretrained_folder import WEIGHTS, read_folder
from inlay.errors import InlayError
from inlay.files.tensors import load_plain

META_KEY = "inlay"
"""Entry of a checkpoint with its configuration, version and step."""
AVERAGE = "average"
"""Entry of a checkpoint with the moving average of weights, if the run had one."""


def read(path: str | Path) -> dict[str, Any]:
    """Open a checkpoint of Inlay on the CPU as plain data.

    Args:
        path: of a file that ``inlay train`` wrote, or of a folder that ``inlay export`` wrote.

    Raises:
        InlayError: it is missing, damaged, holds more than plain data, or is not one of ours.
    """
    path = Path(path)
    if path.is_dir():
        metadata, tensors = read_folder(path)
        return {META_KEY: metadata, "state_dict": tensors}
    if path.name == WEIGHTS:
        raise InlayError(f"{path}: weights alone do not say of which network. Name the folder: {path.parent}.")
    path = resolved(path)
    if not path.exists():
        raise InlayError(f"{path}: no such checkpoint. Check the path; runs keep theirs in checkpoints/.")
    try:
        # mapped: a part of it can be had without reading the rest, such as the optimizers
        checkpoint = load_plain(path, mapped=True)
    except InlayError:
        raise
    except Exception as error:  # what torch raises on other people's files has no common base
        raise InlayError(
            f"{path}: not a readable checkpoint ({type(error).__name__}). It is damaged or holds code; use another."
        ) from error
    if not isinstance(checkpoint, dict) or not {META_KEY, "state_dict"} <= checkpoint.keys():
        raise InlayError(
            f"{path}: not a checkpoint of Inlay (no {META_KEY!r} entry). Give one that `inlay train` wrote."
        )
    metadata = checkpoint[META_KEY]
    if not isinstance(metadata, dict) or not isinstance(metadata.get("config"), dict):
        raise InlayError(f"{path}: does not say which settings it was made with. Give one that `inlay train` wrote.")
    for tensors in (checkpoint["state_dict"], checkpoint.get(AVERAGE, {})):
        if not isinstance(tensors, dict) or not all(isinstance(key, str) for key in tensors):
            raise InlayError(f"{path}: its weights have no names. It is damaged; use another.")
    return checkpoint


def other_version(checkpoint: dict[str, Any]) -> str:
    """A sentence with both versions where another Inlay wrote a checkpoint than this one; else an empty text."""
    metadata = checkpoint[META_KEY]
    written = metadata.get("version") if isinstance(metadata, dict) else None
    if written == inlay.__version__:
        return ""
    return f" Inlay {written or 'of an unknown version'} wrote it, and this is Inlay {inlay.__version__}."


def weights(checkpoint: dict[str, Any], part: str) -> dict[str, Tensor]:
    """The state dict of one part of a checkpoint's task, with averaged weights where the run had any.

    Args:
        checkpoint: from :func:`read`.
        part: attribute of the task, such as ``net`` or ``text``.
    """
    held, prefix = {**checkpoint["state_dict"], **checkpoint.get(AVERAGE, {})}, f"{part}."
    return {key.removeprefix(prefix): value for key, value in held.items() if key.startswith(prefix)}


def settings(path: str | Path, checkpoint: dict[str, Any], group: str) -> dict[str, Any]:
    """The settings of a group in a checkpoint's configuration.

    Raises:
        InlayError: there are none.
    """
    try:
        return dict(checkpoint[META_KEY]["config"][group])
    except (KeyError, TypeError, ValueError):
        raise InlayError(
            f"{path}: the checkpoint does not say which {GROUPS[group].noun} it holds.{other_version(checkpoint)}"
        ) from None


def training_size(path: str | Path) -> int | None:
    """Side in pixels of the crops that a checkpoint was trained on; None where it does not say. See :func:`read`."""
    try:
        size = read(path)[META_KEY]["config"]["data"]["image_size"]
    except (KeyError, TypeError):
        return None
    return size if isinstance(size, int) and size > 0 else None
