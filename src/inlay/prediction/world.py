"""Processes that torchrun started: each fills its share, and none waits for another."""

import os

from inlay.errors import InlayError


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are; ``(0, 1)`` for one that was started alone.

    Raises:
        InlayError: the environment says nonsense.
    """
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    told = os.environ.get("RANK", ""), os.environ["WORLD_SIZE"]
    if not all(number.isdecimal() for number in told) or not int(told[0]) < int(told[1]):
        raise InlayError("RANK={} and WORLD_SIZE={}: start with torchrun, or unset both.".format(*told))
    return int(told[0]), int(told[1])


def local_device(wanted: str) -> str:
    """The device of this process, where each is to find its own: ``auto`` and ``cuda`` are the GPU of its number.

    Args:
        wanted: as the user named it.
    """
    import torch

    if "LOCAL_RANK" in os.environ and wanted in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return wanted
