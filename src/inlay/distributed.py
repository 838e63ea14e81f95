"""Training one network in several processes."""

import re
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from inlay.errors import InlayError, one_line

# words of gloo, which has no exception of its own
_EXCHANGE = re.compile("gloo|pair closure|Connection (?:closed|reset)")
_ROLL_CALL = 10.0  # seconds


def rank_and_world() -> tuple[int, int]:
    """Rank and world size; ``(0, 1)`` outside distributed training."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace every gradient by its mean over processes, in one all-reduce; nothing happens with one process."""
    _, world = rank_and_world()
    if world == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world
    pieces = flat.split([gradient.numel() for gradient in gradients])  # type: ignore[no-untyped-call]
    for gradient, piece in zip(gradients, pieces, strict=True):
        gradient.copy_(piece.view(gradient.shape))


def all_reduce_mean(scalars: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of every scalar over processes, in one all-reduce; all have the same names in the same order."""
    _, world = rank_and_world()
    if world == 1 or not scalars:
        return dict(scalars)
    together = torch.stack([value.detach().float() for value in scalars.values()])
    dist.all_reduce(together)
    return dict(zip(scalars, together / world, strict=True))


def norm_over_processes(norm: Tensor) -> Tensor:
    """The Euclidean norm of a vector that is sharded over processes, from the norm of this process's shard."""
    squared = norm.square()
    dist.all_reduce(squared)
    return squared.sqrt()


def all_reduce_any(condition: bool, device: torch.device) -> bool:
    """Whether a condition holds in any process; they exchange it on a device, and all get the result."""
    holds = torch.tensor(float(condition), device=device)
    dist.all_reduce(holds, dist.ReduceOp.MAX)
    return bool(holds)


@contextmanager
def explain_collective_errors(strategy: Any = None) -> Iterator[None]:
    """Replace the error of a failed collective by one that names the process that is missing.

    Args:
        strategy: Lightning's, whose launcher then ends the processes that it started: those that hang never would.

    Raises:
        InlayError: another process is gone, or did not come in time.
    """
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or _EXCHANGE.search(str(error))):
            raise
        late = ", ".join(map(str, _late()))
        named = f"process {late} (counted from 0)" if late else "another process"
        if launcher := getattr(strategy, "launcher", None):
            launcher.kill(signal.SIGKILL)
        raise InlayError(
            f"{named} of this run is gone, or hangs: it did not come within trainer.strategy.timeout.seconds. "
            f"What it printed says why ({one_line(error)}). The latest checkpoint stands: resume=last."
        ) from error


def missing_ranks(store: Any, rank: int, world: int, seconds: float) -> list[int]:
    """Ranks that are missing; every process calls this after a failed collective. Empty where they are not known.

    They leave their names in a store of torch that all reach, and wait for the others some seconds: those give up on
    the collective at about the same time.
    """
    others, reached = set(range(world)) - {rank}, False
    until = time.monotonic() + seconds
    try:
        store.set(f"inlay/failed/{rank}", "")
        reached = True
        while others := {other for other in others if not store.check([f"inlay/failed/{other}"])}:
            if time.monotonic() > until:
                break
            time.sleep(0.1)
    except RuntimeError:  # the first process keeps the store: it was gone, or knew who is missing and left
        return [] if reached else [0]
    return sorted(others)


def _late() -> list[int]:
    rank, world = rank_and_world()
    if world == 1:
        return []
    return missing_ranks(dist.distributed_c10d._get_default_store(), rank, world, _ROLL_CALL)
