"""Folders that ``inlay export`` writes: weights in the safetensors format, settings as JSON, a card to be read.

A stranger's folder is read with suspicion: of bounded size, plain data only, and no file outside of it.
"""

import json
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from inlay.checkpoints.groups import PARTS
from inlay.errors import InlayError, one_line
from inlay.pretrained.transformers import path_in_folder

WEIGHTS, SETTINGS, CARD = "model.safetensors", "config.json", "README.md"
TRAINING, TRAINING_PARTS = "training.safetensors", ("discriminators", "optimizers")
"""What only training needs of an import that has it, and ``init_from=`` goes on with."""
SHARED = (WEIGHTS, SETTINGS, CARD)
"""What of a folder is uploaded and taken from the hub."""
TEXT_MODEL = "text_model"
"""Where a user puts the pretrained network that a text encoder reads with, if it is not part of the weights."""
LIBRARY, FORMAT = "inlay", 1

_MOST = 2**24  # bytes of JSON; the words of a large vocabulary take a hundredth of it
_WORD = re.compile(r"[\w+-]*")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The metadata of a folder, with the configuration under ``config``, and its weights, memory-mapped.

    Raises:
        InlayError: a file is missing or damaged, leads out of the folder, or holds something else.
    """
    if (folder / "checkpoints").is_dir():
        raise InlayError(f"{folder}: a folder. Name a checkpoint file, e.g. {folder / 'checkpoints/best.ckpt'}.")
    if lacking := [name for name in (WEIGHTS, SETTINGS) if not (folder / name).is_file()]:
        raise InlayError(
            f"{folder}: a folder without {' and '.join(lacking)}. Name a checkpoint file, or a folder that "
            "`inlay export` wrote; a pickled model such as pytorch_model.bin is not opened."
        )
    held = _weights(path_in_folder(folder, WEIGHTS), PARTS.values())
    if (folder / TRAINING).is_file():
        held |= _weights(path_in_folder(folder, TRAINING), TRAINING_PARTS)
    return _settings(path_in_folder(folder, SETTINGS)), held


def backbone(folder: Path, name: Any) -> str:
    """Folder or name of a text encoder's pretrained network: the exported folder's own, or of the hub's cache.

    Raises:
        InlayError: the settings name a place, which is not theirs to choose.
    """
    if (folder / TEXT_MODEL).is_dir():
        return str(path_in_folder(folder, TEXT_MODEL))
    if not (isinstance(name, str) and _HUB_NAME.fullmatch(name)) or Path(name).exists():
        raise InlayError(
            f"{folder}: text.model={name} is no name on the Hugging Face hub. Put that network's files into "
            f"{folder / TEXT_MODEL}."
        )
    return name


def _settings(file: Path) -> dict[str, Any]:
    metadata = _json(file, file.read_bytes()) if file.stat().st_size <= _MOST else None
    if (
        not isinstance(metadata, dict)
        or metadata.get("library") != LIBRARY
        or not isinstance(metadata.get("config"), dict)
    ):
        raise InlayError(f"{file}: not the settings of a network of Inlay. Give a folder that `inlay export` wrote.")
    if metadata.get("format") != FORMAT:
        raise InlayError(
            f"{file}: format {metadata.get('format')!r}, and this version of Inlay reads format {FORMAT}. Update Inlay."
        )
    for group in PARTS:
        _check_no_place(file, metadata["config"].get(group))
    return {key: value for key, value in metadata.items() if key not in ("library", "format")}


def _check_no_place(file: Path, arguments: Any) -> None:
    """Refuse arguments that could be files, at any depth; classes, and where a backbone is, are looked at later."""
    if isinstance(arguments, list):
        for item in arguments:
            _check_no_place(file, item)
    for name, value in arguments.items() if isinstance(arguments, dict) else ():
        _check_no_place(file, value)
        if isinstance(value, str) and name not in ("_target_", "model") and not _WORD.fullmatch(value):
            raise InlayError(f"{file}: {name}={value!r} could be a file elsewhere. The folder is not to be trusted.")


def _weights(file: Path, parts: Collection[str]) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    # The library lets pass headers that are too long for their file, or name a tensor twice.
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > min(_MOST, os.fstat(opened.fileno()).st_size):
            raise InlayError(f"{file}: damaged, its header claims {length:,} bytes. Get or export it again.")
        _json(file, opened.read(length))
    try:
        with safe_open(file, framework="pt") as held:
            if others := [key for key in held.keys() if key.partition(".")[0] not in parts]:  # noqa: SIM118 -- not a dict
                raise InlayError(f"{file}: holds {others[0]!r}, which does not belong there.")
            return {key: held.get_tensor(key) for key in held.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError) as error:
        raise _damaged(file, error) from error


def _json(file: Path, data: bytes) -> Any:
    try:
        return json.loads(data.decode(), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, error) from error


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands there twice")
    return made


def _damaged(file: Path, error: Exception) -> InlayError:
    return InlayError(f"{file}: damaged, or not what its name says ({one_line(error)}). Get or export it again.")
