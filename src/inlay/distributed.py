"""Several processes that train one network."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from inlay.errors import InlayError, in_a_line


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


def average(scalars: Mapping[str, Tensor]) -> dict[str, Tensor]:
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


def any_process(says: bool, device: torch.device) -> bool:
    """Whether one of the processes says so; all get the same answer.

    Args:
        says: what this one says.
        device: where processes exchange tensors.
    """
    said = torch.tensor(float(says), device=device)
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return bool(said)


@contextmanager
def told_why() -> Iterator[None]:
    """Say in plain words that an exchange failed: the reason is another process's.

    Raises:
        InlayError: another process is gone, or did not come in time.
    """
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        raise InlayError(
            f"another process of this run is gone, or hangs; what it printed says why ({in_a_line(error)}). "
            "The latest checkpoint stands: resume=last."
        ) from error
