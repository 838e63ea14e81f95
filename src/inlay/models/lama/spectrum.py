"""Real two-dimensional Fourier transforms between images of features and channels of a spectrum.

A spectrum has two channels per channel of its image: 2i holds the real part of channel i, 2i + 1 the imaginary part.
The last axis is halved, as in :func:`torch.fft.rfft2`; both directions are orthonormal.
"""

from math import pi

import torch
from torch import Tensor


def to_spectrum(image: Tensor) -> Tensor:
    """Transform ``(B, C, H, W)`` to ``(B, 2C, H, W // 2 + 1)``; in channels-last memory but for one copy."""
    spectrum = torch.fft.rfft2(image, norm="ortho").permute(0, 2, 3, 1).contiguous()  # (B, H, W // 2 + 1, C)
    # real and imaginary part lie side by side in memory: flattened, they are the interleaved channels
    channels: Tensor = torch.view_as_real(spectrum).flatten(3)  # (B, H, W // 2 + 1, 2C)
    return channels.permute(0, 3, 1, 2)


def from_spectrum(spectrum: Tensor, width: int) -> Tensor:
    """Transform ``(B, 2C, H, width // 2 + 1)`` back to ``(B, C, H, width)``.

    Imaginary parts that no real image has (of the mean, and at the Nyquist frequency) are ignored.
    """
    pairs = torch.unflatten(spectrum.permute(0, 2, 3, 1).contiguous(), 3, (-1, 2))  # (B, H, W // 2 + 1, C, 2)
    size = (spectrum.shape[2], width)
    image: Tensor = torch.fft.irfft2(torch.view_as_complex(pairs), s=size, dim=(1, 2), norm="ortho")  # (B, H, W, C)
    return image.contiguous().permute(0, 3, 1, 2)


def to_spectrum_by_products(image: Tensor) -> Tensor:
    """:func:`to_spectrum` as products with real matrices, for runtimes without Fourier transforms."""
    rows_cos, rows_sin = _waves(image.shape[2], image.shape[2], image)
    cos, sin = _waves(image.shape[3], image.shape[3] // 2 + 1, image)
    real, imaginary = image @ cos, -(image @ sin)
    return torch.stack([rows_cos @ real + rows_sin @ imaginary, rows_cos @ imaginary - rows_sin @ real], dim=2).flatten(
        1, 2
    )


def from_spectrum_by_products(spectrum: Tensor, width: int) -> Tensor:
    """:func:`from_spectrum` as products with real matrices."""
    rows_cos, rows_sin = _waves(spectrum.shape[2], spectrum.shape[2], spectrum)
    cos, sin = _waves(width, spectrum.shape[3], spectrum)
    real, imaginary = torch.unflatten(spectrum, 1, (-1, 2)).unbind(2)  # (B, C, H, W // 2 + 1) each
    real, imaginary = rows_cos @ real - rows_sin @ imaginary, rows_cos @ imaginary + rows_sin @ real
    # each stored frequency stands for its mirror image, too, except the mean and the Nyquist frequency
    frequency = torch.arange(spectrum.shape[3], device=spectrum.device)
    single = (frequency == 0) | (2 * frequency == width)
    weight = torch.where(single, 1.0, 2.0).to(spectrum.dtype)
    return (real * weight) @ cos.mT - (imaginary * weight) @ sin.mT


def _waves(length: int, frequencies: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines, ``(length, frequencies)`` each, over the root of ``length``."""
    position, frequency = (torch.arange(n, device=like.device) for n in (length, frequencies))
    # whole turns are taken off as integers: angles stay small, where float32 is exact enough
    turns = (position[:, None] * frequency) % (position[-1] + 1)  # by a tensor: ONNX knows no other
    angle = turns.to(like.dtype) * (2 * pi / length)
    return angle.cos() * length**-0.5, angle.sin() * length**-0.5
