"""What a network's convolutions cost alone: the floor under what the network costs."""

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from measuring.timing import Step

_CONVOLUTION = torch.ops.aten.convolution.default


class _Convolutions(TorchDispatchMode):
    """Keeps every convolution that is computed, on inputs in NCHW memory that are padded already."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Step] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is _CONVOLUTION:
            x, weight, _, stride, padding, dilation, transposed, output_padding, groups = args
            x, weight = x.detach().contiguous(), weight.detach().contiguous()
            if not transposed:
                x, padding = F.pad(x, [padding[1]] * 2 + [padding[0]] * 2), [0, 0]
            rest = (None, stride, padding, dilation, transposed, output_padding, groups)
            self.calls.append(functools.partial(_CONVOLUTION, x, weight, *rest))
        return func(*args, **(kwargs or {}))


def floor(forward: Callable[[], Tensor]) -> Step:
    """Every convolution of a network's forward pass alone.

    Args:
        forward: calls the network, in float32.
    """
    with torch.no_grad(), _Convolutions() as seen:
        forward()

    def step() -> None:
        with torch.inference_mode():
            for call in seen.calls:
                call()

    return step
