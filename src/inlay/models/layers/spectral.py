"""Spectral normalization (Miyato et al. 2018) of freshly initialized layers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Conv = TypeVar("Conv", nn.Conv2d, nn.ConvTranspose2d)


def spectral(conv: Conv, dim: int | None = None) -> Conv:
    """Initialize a convolution (orthogonal weight, zero bias) and keep its spectral norm at 1 from then on.

    One power iteration per forward pass in training, none in eval mode; its vectors are buffers. The weight is
    initialized before it is wrapped, as it has another name afterwards. Only its direction matters, so the gain is 1.

    Args:
        conv: to be normalized, in place.
        dim: axis of the weight that becomes the rows of the normalized matrix; None for the output channels.
    """
    nn.init.orthogonal_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    wrapped = cast(Conv, spectral_norm(conv, dim=dim))
    norms = cast(nn.ModuleList, wrapped.parametrizations.weight)  # type: ignore[union-attr]
    norms[0] = InFloat32(norms[0])
    return wrapped


@contextmanager
def power_iterations_paused(modules: Iterable[nn.Module]) -> Iterator[None]:
    """No power iterations in these modules: normalized weights stay those of the last forward pass."""
    layers = (layer for module in modules for layer in module.modules())
    norms = [layer.norm for layer in layers if isinstance(layer, InFloat32) and layer.norm.training]
    for norm in norms:
        norm.training = False
    try:
        yield
    finally:
        for norm in norms:
            norm.training = True


class InFloat32(nn.Module):
    """A parametrization in float32: under autocast it would iterate in half precision."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, weight: Tensor) -> Tensor:
        """The normalized weight."""
        with torch.autocast(weight.device.type, enabled=False):
            return self.norm(weight)  # type: ignore[no-any-return]
