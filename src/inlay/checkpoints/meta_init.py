"""Networks without their first weights, for those who bring others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Weightless(TorchFunctionMode):
    """In here layers get the shapes of their weights and neither memory nor numbers: :func:`fill` brings both.

    Layers ask for weights by :func:`torch.empty` and draw into them, or by :func:`torch.randn`; on the meta device that
    costs nothing, where it takes half a second for the published U-Net of partial convolutions, and seconds for
    TDANet's orthogonal ones. Whatever else a constructor computes lies on the CPU as ever: constants, and what has a
    value to begin with.

    Args:
        most: weights that layers may ask for, each a tensor; None for any number.

    Raises:
        ValueError: they ask for more.
    """

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send new weights to the meta device, and answer there for what would be computed of them."""
        options = dict(kwargs or {})
        if func in (torch.empty, torch.randn):
            options["device"] = "meta"
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise ValueError("it asks for many more layers")
        elif func in _BY_SHAPE and args[0].is_meta:
            return _BY_SHAPE[func](*args, **options)
        return func(*args, **options)


class Bounded(TorchFunctionMode):
    """In here layers get no more weights than a file can be about: a small one could fill the memory.

    Args:
        most: numbers of all weights together; each tensor counts as a thousand at least.

    Raises:
        ValueError: they ask for more.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Count new weights before there are any; what is laid out elsewhere first (transformers) is not counted."""
        options = dict(kwargs or {})
        if func in (torch.empty, torch.randn) and torch.get_default_device().type != "meta":
            self.left -= max(func(*args, **{**options, "device": "meta"}).numel(), 1000)
            if self.left < 0:
                raise ValueError("it asks for more weights than the file is about")
        return func(*args, **options)


# Draws and spectral norm, of which shapes alone matter. PyTorch has these of the meta device in Python only, for which
# it would import its compiler: seconds.
_BY_SHAPE: dict[Callable[..., Any], Callable[..., Tensor]] = {
    Tensor.normal_: lambda x, *_, **__: x,
    F.normalize: lambda x, *_, out=None, **__: x if out is None else out,
    torch.mv: lambda matrix, _: matrix.detach()[:, 0],
    torch.vdot: lambda x, _: x.detach()[0],
    Tensor.div: lambda x, _: x,
}


def fill(module: nn.Module, held: Mapping[str, Tensor]) -> None:
    """Give a module weights, laid out in memory as its own are, and in memory of its own.

    Args:
        module: takes them.
        held: its whole state dict.

    Raises:
        RuntimeError: names or shapes differ.
        TypeError: whole numbers stand for others, or the other way round.
    """
    own = module.state_dict()
    module.load_state_dict({key: _laid_out(key, held[key], own.get(key)) for key in held}, assign=True)


def _laid_out(key: str, value: Tensor, own: Tensor | None) -> Tensor:
    if own is None or own.shape != value.shape:
        return value  # load_state_dict lists all of these
    if value.is_floating_point() != own.is_floating_point():
        raise TypeError(f"{key} is {value.dtype}, not {own.dtype}")
    return torch.empty_strided(own.shape, own.stride(), dtype=own.dtype).copy_(value)
