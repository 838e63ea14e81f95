"""Which of several processes this one is, by what Lightning, torchrun and SLURM tell those that they start."""

import os


def is_first_process() -> bool:
    """Whether this process is the one that writes: rank 0, or the only one."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))


def is_only_process() -> bool:
    """Whether torchrun or SLURM started no other one beside it."""
    return all(os.environ.get(name, "1") == "1" for name in ("WORLD_SIZE", "SLURM_NTASKS"))
