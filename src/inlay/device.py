"""The device that a network runs on."""

import torch

from inlay.errors import InlayError
from inlay.processes import local_rank


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is a CUDA GPU, else Apple's, else the processor.

    Raises:
        InlayError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise InlayError(f"device {name}: not available here. Use cpu or auto.") from error


def local_device(wanted: str) -> str:
    """The device of one of several processes: for ``auto`` and ``cuda`` the GPU of its local rank."""
    rank = local_rank()
    if rank is not None and wanted in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{rank % torch.cuda.device_count()}"
    return wanted
