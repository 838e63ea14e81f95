"""What a step costs: its arithmetic, and the memory it takes. Measured on a few pictures, without a trace."""

import copy
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from inlay.errors import one_line
from inlay.models.layers.cpu_sync_batch_norm import CPUSyncBatchNorm2d
from inlay.tasks import InpaintingTask
from inlay.tasks.base import Task
from inlay.tasks.optimization import BufferSnapshot, Loss, parameters_of, trainable
from inlay.types import Batch

T = TypeVar("T")


class StepCosts(NamedTuple):
    """Of a training step, for each picture of its batch."""

    flops: float
    """Floating point operations of forward and backward passes, all networks together; a multiplication and an addition
    are two. Convolutions, matrix products and attention are counted; all else is little beside them."""
    activations: float
    """Most bytes that autograd keeps at a time for backward passes."""


def step_costs(task: Task, batch: Batch) -> StepCosts:
    """Compute the losses of a batch and their gradients, and throw them away.

    Args:
        task: in a trainer, on its device. The step is the one that it stands at, in one part.
        batch: two pictures or more. What does not grow with their number is left out of ``activations`` as far as it is
            a weight; a loss that compares all pictures of a batch with each other takes more in a larger batch.
    """
    kept, operations = Activations(task), Operations()
    with (
        operations,
        saved_tensors_hooks(kept.pack, lambda saved: saved.tensor),
        closing(cast(Generator[Loss], task.losses(batch))) as losses,
    ):
        for total, _ in losses:
            # not .backward(): no gradient is left behind, and no hook of DDP runs
            torch.autograd.grad(total, trainable(task), allow_unused=True)
    pictures = len(batch["image"])
    return StepCosts(operations.count / pictures, kept.most / pictures)


def fill_flops(task: InpaintingTask, batch: Batch) -> float:
    """Floating point operations of filling one picture, as in :class:`StepCosts`."""
    task.eval()
    operations = Operations()
    with torch.no_grad(), operations:
        task.fill(batch)
    return operations.count / len(batch["image"])


def state_bytes(optimizer: Optimizer) -> int:
    """Bytes that an optimizer keeps of its parameters from its first step on: two running means for Adam.

    A copy of it steps a parameter of a few numbers, and what it then keeps of each is what it will keep of all.
    """
    parameters = parameters_of(optimizer)
    few = nn.Parameter(torch.zeros(7, device=parameters[0].device, dtype=parameters[0].dtype))
    few.grad = torch.zeros_like(few)
    twin = copy.copy(optimizer)
    twin.param_groups, twin.state = [{**optimizer.param_groups[0], "params": [few]}], defaultdict(dict)
    twin.step()
    kept = [value for value in twin.state[few].values() if isinstance(value, Tensor) and value.shape == few.shape]
    return sum(value.itemsize for value in kept) * sum(parameter.numel() for parameter in parameters)


def attempt(measure: Callable[[], T]) -> T | str:
    """What was measured, or why it could not be. No run dies of a figure: a mistake shows again in its first step."""
    try:
        return measure()
    except Exception as error:
        return one_line(error)


@contextmanager
def without_trace(task: Task) -> Iterator[None]:
    """Let buffers, modes of modules and random numbers be afterwards what they were.

    Meanwhile nothing is compiled, and no batch norm waits for other processes.
    """
    buffers = BufferSnapshot([task])
    modules = [(module, type(module), module.training) for module in task.modules()]
    devices = [task.device] if task.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.compiler.set_stance("force_eager"):
        for module, kind, _ in modules:
            if issubclass(kind, nn.SyncBatchNorm | CPUSyncBatchNorm2d):
                module.__class__ = nn.BatchNorm2d
        try:
            yield
        finally:
            buffers.restore()
            for module, kind, mode in modules:
                module.__class__, module.training = kind, mode


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what PyTorch has formulas for.

    Its own FlopCounterMode also watches modules, and so cannot count a penalty on the gradient of an input.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute, and count."""
        output = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.count += formula(*args, **(kwargs or {}), out_val=output)
        return output


class Activations:
    """Bytes that autograd keeps for backward passes. Each storage counts once; weights do not.

    A network that computes parts again in the backward pass keeps more while it does; that is not seen.

    Args:
        module: whose parameters and buffers do not count, nor what has a parameter's shape: its copy in another
            precision, or normalized.
    """

    def __init__(self, module: nn.Module) -> None:
        parameters = list(module.parameters())
        self.most = 0
        """Bytes at a time."""
        self._now = 0
        self._holders: Counter[int] = Counter()
        self._weights = {tensor.untyped_storage().data_ptr() for tensor in (*parameters, *module.buffers())}
        self._shapes = {_shape(parameter) for parameter in parameters}

    def pack(self, tensor: Tensor) -> "_Saved":
        """Take note of a tensor that autograd begins to keep, and of when it no longer does."""
        saved, storage = _Saved(tensor), tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in self._weights and _shape(tensor) not in self._shapes:
            if not self._holders[place]:
                self._now += size
                self.most = max(self.most, self._now)
            self._holders[place] += 1
            weakref.finalize(saved, self._let_go, place, size)
        return saved

    def _let_go(self, place: int, size: int) -> None:
        self._holders[place] -= 1
        if not self._holders[place]:
            self._now -= size


class _Saved:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """Equal for a matrix and its transpose."""
    return tuple(sorted(tensor.shape))
