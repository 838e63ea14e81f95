"""What a network runs on."""

import os

import torch

from inlay.errors import InlayError


def choose_device(name: str) -> torch.device:
    """``auto`` is a CUDA GPU, else Apple's, else the processor; anything else is taken at its word.

    Raises:
        InlayError: the device is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise InlayError(f"device {name}: not available here. Use cpu or auto.") from error


def local_device(wanted: str) -> str:
    """The device of this process, where each is to find its own: ``auto`` and ``cuda`` are the GPU of its number.

    Args:
        wanted: as the user named it.
    """
    if "LOCAL_RANK" in os.environ and wanted in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return wanted
