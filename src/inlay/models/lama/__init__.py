"""LaMa: a generator with Fourier convolutions, and its ablations (Suvorov et al. 2022)."""

from inlay.models.lama.blocks import DilatedBlock, FourierBlock, PlainBlock
from inlay.models.lama.generator import LaMa

__all__ = ["DilatedBlock", "FourierBlock", "LaMa", "PlainBlock"]
