"""Processes that torchrun started: each fills its share, and none waits for another."""

import os


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are; ``(0, 1)`` for one that was started alone."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def local_device(wanted: str) -> str:
    """The device of this process, where each is to find its own: ``auto`` and ``cuda`` are the GPU of its number.

    Args:
        wanted: as the user named it.
    """
    import torch

    if "LOCAL_RANK" in os.environ and wanted in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return wanted
