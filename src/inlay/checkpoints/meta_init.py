"""Networks without their first weights, for those who bring others, and with no more than a file can be about.

``torch.device("meta")`` alone would not do: it empties constants and non-persistent buffers, too, which no file holds,
and PyTorch imports its compiler, seconds, for the draws of spectral and orthogonal layers on it.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from typing_extensions import override

_LAID_OUT = (torch.empty, torch.randn)
"""What layers ask for weights by: they draw into them later, or at once."""


class EmptyWeights(TorchFunctionMode):
    """Context in which layers get the shapes of their weights, without memory or numbers; :func:`load_weights` follows.

    Saves half a second for the published U-Net of partial convolutions, and seconds for TDANet's orthogonal layers.
    Whatever else a constructor computes lies on the CPU as ever: constants, and what has a value to begin with.

    Args:
        max_tensors: weights that layers may ask for; None for any number.

    Raises:
        ValueError: they ask for more.
    """

    def __init__(self, max_tensors: int | None = None) -> None:
        super().__init__()
        self.left = max_tensors

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if func in _LAID_OUT:
            options["device"] = "meta"
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise ValueError("it asks for many more layers")
        elif func in _BY_SHAPE and args[0].is_meta:
            return _BY_SHAPE[func](*args, **options)
        return func(*args, **options)


class WeightLimit(TorchFunctionMode):
    """Context in which layers get no more weights than a file can be about: a small one could fill the memory.

    Args:
        held: numbers in the file. Twice as many may be asked for, and those of a frozen network; each tensor counts as
            a thousand at least.

    Raises:
        ValueError: they ask for more.
    """

    _FROZEN = 2**25  # numbers of Inception, and of what few a test has

    def __init__(self, held: int) -> None:
        super().__init__()
        self.left = 2 * held + self._FROZEN

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if func in _LAID_OUT and torch.get_default_device().type != "meta":  # as transformers does first
            self.left -= max(func(*args, **{**options, "device": "meta"}).numel(), 1000)
            if self.left < 0:
                raise ValueError("it asks for more weights than the file is about")
        return func(*args, **options)


# Draws and spectral norm, of which shapes alone matter.
_BY_SHAPE: dict[Callable[..., Any], Callable[..., Tensor]] = {
    Tensor.normal_: lambda x, *_, **__: x,
    F.normalize: lambda x, *_, out=None, **__: x if out is None else out,
    torch.mv: lambda matrix, _: matrix.detach()[:, 0],
    torch.vdot: lambda x, _: x.detach()[0],
    Tensor.div: lambda x, _: x,
}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a module built under :class:`EmptyWeights` its weights, laid out in memory as its own are.

    Raises:
        RuntimeError: names or shapes differ, or the module needs more than its state dict.
        TypeError: integers stand for floating-point numbers or the reverse.
    """
    own = module.state_dict()
    module.load_state_dict({key: _laid_out(key, weights[key], own.get(key)) for key in weights}, assign=True)
    tensors = chain(module.named_parameters(), module.named_buffers())
    if empty := [key for key, value in tensors if value.is_meta]:
        raise RuntimeError(f"{empty[0]} is not among them")


def _laid_out(key: str, value: Tensor, own: Tensor | None) -> Tensor:
    if own is None or own.shape != value.shape:
        return value  # load_state_dict lists all of these
    if value.is_floating_point() != own.is_floating_point():
        raise TypeError(f"{key} is {value.dtype}, not {own.dtype}")
    return torch.empty_strided(own.shape, own.stride(), dtype=own.dtype).copy_(value)
