"""Gradient checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"), exact for any layer."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from inlay.errors import InlayError


def checkpointed(part: nn.Module, *args: Any, enabled: bool = True) -> Any:
    """Call a part of a network; in training, keep its inputs alone and compute activations again for the backward pass.

    Gradients, outputs and buffers are those of a plain call, bit for bit on a deterministic device: the second
    computation begins with the buffers that the first began with (the vectors of spectral norm, the statistics of batch
    norm), with equal random numbers and precision, and leaves the part's own buffers alone. PyTorch's own checkpoint
    would move both kinds of norm on a second time.

    Args:
        part: a module that changes none of its inputs; its parameters stay as they are until the backward pass.
        args: of its forward; tensors, or tuples of them that need no gradient.
        enabled: False for a plain call, which eval mode and ``torch.no_grad`` make, too.

    Returns:
        The part's output.
    """
    if not (enabled and part.training and torch.is_grad_enabled()):
        return part(*args)
    return checkpoint(_Repeatable(part), *args, use_reentrant=False)


def refuse_to_compile(gradient_checkpointing: bool) -> None:
    """Refuse to compile a network with gradient checkpointing.

    Raises:
        InlayError: it is on; the compiler decides by itself what to compute again.
    """
    if gradient_checkpointing:
        raise InlayError(
            "model.gradient_checkpointing must be false where task.compile is true, got true for both: the compiler "
            "decides by itself what to compute again. Choose one of them."
        )


class _Repeatable:
    """A module whose every later call repeats the first, without a trace in its buffers."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.before: dict[str, Tensor] | None = None

    def __call__(self, *args: Any) -> Any:
        if self.before is None:
            self.before = _copies(dict(self.module.named_buffers()))
            return self.module(*args)
        # copies of the copies: whoever keeps the graph may ask for more than one backward pass
        return functional_call(self.module, _copies(self.before), args)


def _copies(buffers: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in buffers.items()}
