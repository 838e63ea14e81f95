"""The parts of a step: losses of parts of a batch, gradients, and the guard that keeps the weights finite."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Adam, AdamW, Optimizer

from inlay.distributed import norm_over_processes
from inlay.errors import InlayError
from inlay.types import Batch

ADAM_MEANS = ("exp_avg", "exp_avg_sq")
"""What Adam keeps of each parameter, in its shape, beside the number of its steps."""


class Loss(NamedTuple):
    """The loss that an optimizer minimizes."""

    total: Tensor
    """Scalar with gradient."""
    terms: dict[str, Tensor]
    """Its terms by name, scalars without gradient, to be logged."""


def split(batch: Batch, parts: int) -> list[Batch]:
    """Cut a batch into equal parts, first to last.

    Raises:
        InlayError: it cannot be divided.
    """
    size = len(batch["image"])
    check_parts(size, parts)
    share = size // parts
    return [cast(Batch, _cut(batch, slice(k * share, (k + 1) * share))) for k in range(parts)] if parts > 1 else [batch]


def check_parts(size: int, parts: int) -> None:
    """Refuse a number of parts that does not divide the samples of a process's batch.

    Raises:
        InlayError: ``size`` is no multiple of ``parts``.
    """
    if size % parts:
        raise InlayError(f"task.accumulate={parts} must divide the {size} samples of a process's batch.")


def _cut(value: Any, rows: slice) -> Any:
    return {key: _cut(item, rows) for key, item in value.items()} if isinstance(value, dict) else value[rows]


def add_terms(mean: dict[str, Tensor], terms: Mapping[str, Tensor], parts: int) -> None:
    """Add the terms of one of ``parts`` parts to their mean."""
    for name, value in terms.items():
        mean[name] = mean.get(name, 0) + value / parts


def propagate_nonfinite(total: Tensor) -> Tensor:
    """Return the loss; if it is not finite, with gradients that are not finite either.

    A loss may be infinite and its gradient finite. This way all parameters in all processes show it: gradients are
    averaged anyway, so no further exchange is needed.
    """
    return total * torch.where(total.detach().isfinite(), 1.0, torch.nan)


def clip_or_drop_gradients(optimizer: Optimizer, max_norm: float | None) -> Tensor | None:
    """Clip an optimizer's gradients, all together, to a norm; or take them away if they are not finite.

    An optimizer skips parameters without gradient, and their running means: the step does not happen. The check costs
    one synchronization with the device per step, at a point where the next kernels would wait anyway.

    Returns:
        The Euclidean norm before clipping, a scalar; None if the gradients are not finite and were taken away.
    """
    parameters = [parameter for parameter in parameters_of(optimizer) if parameter.grad is not None]
    gradients = [cast(Tensor, parameter.grad) for parameter in parameters]
    shards = [gradient.to_local() for gradient in gradients if isinstance(gradient, DTensor)]
    norm = norm_over_processes(get_total_norm(shards)) if shards else get_total_norm(gradients)
    if not norm.isfinite():
        optimizer.zero_grad()
        return None
    if max_norm is not None:
        clip_grads_with_norm_(parameters, max_norm, norm)
    return norm


class BufferSnapshot:
    """Running statistics and power iterations as they were before a batch, so that a skipped step leaves no trace."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._live = [buffer for module in modules for buffer in module.buffers()]
        self._kept = [buffer.clone() for buffer in self._live]

    def take(self) -> None:
        """Keep the buffers as they are now."""
        if self._live:
            torch._foreach_copy_(self._kept, self._live)

    def restore(self) -> None:
        """Reset the buffers to what was kept."""
        if self._live:
            torch._foreach_copy_(self._live, self._kept)


def not_finite(terms: Mapping[str, Tensor]) -> list[str]:
    """The names of terms that are infinite or NaN."""
    return [name for name, value in terms.items() if not torch.as_tensor(value).isfinite().all()]


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters of a module that require gradient."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """All parameters of an optimizer."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def start_adam(optimizer: Optimizer, means: Mapping[nn.Parameter, Mapping[str, Tensor]]) -> None:
    """Give Adam, or AdamW, the running means that there are of its parameters.

    Raises:
        InlayError: there are some, and the optimizer is another, or computes with more than these.
    """
    known = [parameter for parameter in parameters_of(optimizer) if parameter in means]
    if known and not isinstance(optimizer, Adam | AdamW):
        raise InlayError(
            f"init_from brings the running means of Adam, which {type(optimizer).__name__} has no use for. Take "
            "optimizer=adam, or import the weights again from a file without them."
        )
    if known and any(group["amsgrad"] or group["fused"] or group["capturable"] for group in optimizer.param_groups):
        raise InlayError(
            "init_from brings the running means of plain Adam. Leave optimizer.amsgrad, fused and capturable out."
        )
    for parameter in known:
        state = means[parameter]
        own = {name: torch.empty_like(parameter, requires_grad=False) for name in ADAM_MEANS}
        optimizer.state[parameter].update(
            {"step": state["step"].clone(), **{name: mean.copy_(state[name]) for name, mean in own.items()}}
        )
