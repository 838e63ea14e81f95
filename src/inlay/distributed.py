"""Several processes that train one network."""

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

_EXCHANGE = re.compile(
    "gloo|pair closure|Connection (?:closed|reset)"
)  # words of gloo, which has no exception of its own
_ROLL_CALL = 10.0  # seconds


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are; ``(0, 1)`` outside distributed training."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace every gradient by its mean over processes, in one exchange; nothing where there is but one."""
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
    """The mean of every scalar over processes, in one exchange; themselves where there is but one.

    Args:
        scalars: of any names, the same in every process and in the same order.
    """
    _, world = rank_and_world()
    if world == 1 or not scalars:
        return dict(scalars)
    together = torch.stack([value.detach().float() for value in scalars.values()])
    dist.all_reduce(together)
    return dict(zip(scalars, together / world, strict=True))


def norm_over_processes(norm: Tensor) -> Tensor:
    """The Euclidean norm of what processes share out, from that of each one's part, a scalar."""
    squared = norm.square()
    dist.all_reduce(squared)
    return squared.sqrt()


def all_reduce_any(says: bool, device: torch.device) -> bool:
    """Whether one of the processes says so; all get the same answer.

    Args:
        says: what this one says.
        device: where processes exchange tensors.
    """
    said = torch.tensor(float(says), device=device)
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return bool(said)


@contextmanager
def explain_collective_errors(strategy: Any = None) -> Iterator[None]:
    """Say in plain words that an exchange failed, and whose fault it is: another process's.

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
        late = _late()
        if launcher := getattr(strategy, "launcher", None):
            launcher.kill(signal.SIGKILL)
        raise InlayError(
            f"{_named(late)} of this run is gone, or hangs: it did not come within trainer.strategy.timeout.seconds. "
            f"What it printed says why ({one_line(error)}). The latest checkpoint stands: resume=last."
        ) from error


def missing_ranks(store: Any, rank: int, world: int, seconds: float) -> list[int]:
    """Who does not answer, of processes that all call this when an exchange has failed; empty where that is unknown.

    Args:
        store: of torch, that all of them reach.
        rank: the number of this one.
        world: how many there were.
        seconds: to wait for answers. Those that wait for the same exchange give up at about the same time.
    """
    others, answered = set(range(world)) - {rank}, False
    until = time.monotonic() + seconds
    try:
        store.set(f"inlay/failed/{rank}", "")
        answered = True
        while others := {other for other in others if not store.check([f"inlay/failed/{other}"])}:
            if time.monotonic() > until:
                break
            time.sleep(0.1)
    except RuntimeError:  # the first process keeps the store: it was gone, or knew who is missing and left
        return [] if answered else [0]
    return sorted(others)


def _late() -> list[int]:
    rank, world = rank_and_world()
    if world == 1:
        return []
    return missing_ranks(dist.distributed_c10d._get_default_store(), rank, world, _ROLL_CALL)


def _named(late: list[int]) -> str:
    if not late:
        return "another process"
    return f"process {', '.join(map(str, late))} (counted from 0)"
