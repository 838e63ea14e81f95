"""Fast Fourier convolution (Chi et al. 2020), as LaMa uses it (Suvorov et al. 2022, section 2.1)."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.models.lama.spectrum import (
    from_spectrum,
    from_spectrum_by_products,
    to_spectrum,
    to_spectrum_by_products,
)
from inlay.models.layers import ConvNorm, folded

Padding = Literal["reflect", "replicate", "zeros"]


class FourierUnit(nn.Module):
    """A 1x1 convolution, batch norm and ReLU of the spectrum: every output sees the whole image.

    The real and imaginary parts that leave the ReLU are never negative, as published. It computes in float32 at least,
    also under autocast: half precision has no Fourier transform on a CPU, and on a GPU of powers of two only.

    Args:
        channels: of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spectral = ConvNorm(nn.Conv2d(2 * channels, 2 * channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H, W)`` in float32 at least."""
        if torch.compiler.is_exporting():  # runtimes know no Fourier transform, and no autocast
            return from_spectrum_by_products(self.spectral(to_spectrum_by_products(x.float())), x.shape[-1])
        with torch.autocast(x.device.type, enabled=False):
            wide = x.to(torch.promote_types(x.dtype, torch.float32))
            return from_spectrum(self.spectral(to_spectrum(wide)), x.shape[-1])


class SpectralTransform(nn.Module):
    """The global path: a :class:`FourierUnit` with a shortcut, on half of the channels.

    Args:
        channels: of input and output, an even number.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = ConvNorm(nn.Conv2d(channels, channels // 2, 1, bias=False))
        self.unit = FourierUnit(channels // 2)
        self.expand = nn.Conv2d(channels // 2, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H, W)``, without norm and activation behind the last convolution."""
        x = self.reduce(x)
        expanded: Tensor = self.expand(x + self.unit(x))
        return expanded


class FourierConv(nn.Module):
    """A 3x3 convolution of local channels, a Fourier convolution of global ones, and what each takes from the other.

    ``y_l = conv(x_l) + conv(x_g)``, ``y_g = conv(x_l) + spectral(x_g)``, then batch norm and ReLU of each.

    Args:
        local_channels: C_l of input and output.
        global_channels: C_g of input and output, an even number.
        padding: of the 3x3 convolutions.
    """

    def __init__(self, local_channels: int, global_channels: int, padding: Padding = "reflect") -> None:
        super().__init__()
        both = local_channels + global_channels
        # one convolution for both outputs of x_l, local channels first: x_l is padded and read once
        self.from_local = nn.Conv2d(local_channels, both, 3, padding=1, padding_mode=padding, bias=False)
        self.global_to_local = nn.Conv2d(
            global_channels, local_channels, 3, padding=1, padding_mode=padding, bias=False
        )
        self.spectral = SpectralTransform(global_channels)
        self.norm_local: nn.Module = nn.BatchNorm2d(local_channels)
        self.norm_global: nn.Module = nn.BatchNorm2d(global_channels)
        self.local_channels = local_channels

    def forward(self, x_local: Tensor, x_global: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, C_l, H, W)`` and ``(B, C_g, H, W)`` to tensors of equal shapes."""
        from_local = self.from_local(x_local)  # (B, C_l + C_g, H, W)
        y_local = self.global_to_local(x_global).add_(from_local[:, : self.local_channels])
        y_global = self.spectral(x_global).add_(from_local[:, self.local_channels :])
        return F.relu_(self.norm_local(y_local)), F.relu_(self.norm_global(y_global))

    def fold(self) -> None:
        """Take both batch norms, as in eval mode, into the convolutions before them."""
        local, glob = self.norm_local, self.norm_global
        if not (isinstance(local, nn.BatchNorm2d) and isinstance(glob, nn.BatchNorm2d)):
            return
        split = self.local_channels
        scaled_local, bias_local = folded(self.from_local.weight[:split], None, local)
        scaled_global, bias_global = folded(self.from_local.weight[split:], None, glob)
        self.from_local.weight = nn.Parameter(torch.cat([scaled_local, scaled_global]))
        self.from_local.bias = nn.Parameter(torch.cat([bias_local, bias_global]))
        self.global_to_local.weight, _ = folded(self.global_to_local.weight, None, local)
        self.spectral.expand.weight, _ = folded(self.spectral.expand.weight, None, glob)
        self.norm_local, self.norm_global = nn.Identity(), nn.Identity()
