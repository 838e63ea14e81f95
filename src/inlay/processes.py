"""Rank and world size from the environment variables of Lightning, torchrun and SLURM: the only reader of them."""

import os

from inlay.errors import InlayError


def is_first_process() -> bool:
    """Whether this process is the one that writes: rank 0, or the only one."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))


def is_only_process() -> bool:
    """Whether torchrun or SLURM started no other process beside this one."""
    return all(os.environ.get(name, "1") == "1" for name in ("WORLD_SIZE", "SLURM_NTASKS"))


def local_rank() -> int | None:
    """Rank of this process among those of its machine; None for a process that was started alone."""
    return int(os.environ["LOCAL_RANK"]) if "LOCAL_RANK" in os.environ else None


def env_rank_and_world() -> tuple[int, int]:
    """Rank and world size as torchrun sets them; ``(0, 1)`` for a process that was started alone.

    Raises:
        InlayError: the variables contradict each other.
    """
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    given = os.environ.get("RANK", ""), os.environ["WORLD_SIZE"]
    if not all(number.isdecimal() for number in given) or not int(given[0]) < int(given[1]):
        raise InlayError("RANK={} and WORLD_SIZE={}: start with torchrun, or unset both.".format(*given))
    return int(given[0]), int(given[1])
