"""Networks without their first weights, for those who bring others, and with no more than a file can be about.

``torch.device("meta")`` alone would not do: it empties constants and non-persistent buffers, too, which no file holds,
and PyTorch imports its compiler, seconds, for the draws of spectral and orthogonal layers on it.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from math import inf
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from typing_extensions import override

_LAID_OUT = (torch.empty, torch.randn)  # layers ask for weights by these: they draw into them later, or at once

# Draws and spectral norm, of which shapes alone matter.
_BY_SHAPE: dict[Callable[..., Any], Callable[..., Tensor]] = {
    Tensor.normal_: lambda x, *_, **__: x,
    F.normalize: lambda x, *_, out=None, **__: x if out is None else out,
    torch.mv: lambda matrix, _: matrix.detach()[:, 0],
    torch.vdot: lambda x, _: x.detach()[0],
    Tensor.div: lambda x, _: x,
}


class EmptyWeights(TorchFunctionMode):
    """Context in which layers get the shapes of their weights, without memory or numbers; :func:`load_weights` follows.

    Whatever else a constructor computes lies on the CPU as ever: constants, and what has a value to begin with.

    Args:
        most: weights that layers may ask for.

    Raises:
        ValueError: they ask for more.
    """

    def __init__(self, most: float = inf) -> None:
        super().__init__()
        self.left = most

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
            return self._lay_out(func, args, options)
        if func in _BY_SHAPE and args[0].is_meta:
            return _BY_SHAPE[func](*args, **options)
        return func(*args, **options)

    def _lay_out(self, func: Callable[..., Tensor], args: Sequence[Any], options: Mapping[str, Any]) -> Tensor:
        self._spend(1)
        return func(*args, **{**options, "device": "meta"})

    def _spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise ValueError("it asks for more weights than the file is about")


class WeightLimit(EmptyWeights):
    """Context in which layers get weights as ever, but no more than a file can be about: it could fill the memory.

    Args:
        held: numbers in the file. Twice as many may be asked for, and those of a frozen network; each tensor counts as
            a thousand at least.

    Raises:
        ValueError: they ask for more.
    """

    def __init__(self, held: int) -> None:
        super().__init__(2 * held + 2**25)  # numbers of Inception, and of what few a test has

    @override
    def _lay_out(self, func: Callable[..., Tensor], args: Sequence[Any], options: Mapping[str, Any]) -> Tensor:
        if torch.get_default_device().type != "meta":  # where transformers lays out first
            self._spend(max(func(*args, **{**options, "device": "meta"}).numel(), 1000))
        return func(*args, **options)


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
