"""Foreign weight files, opened without running any code of theirs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inlay.errors import InlayError
from inlay.files.tensors import load_plain

_WRAPPER = "module."  # which DataParallel puts before every name


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
