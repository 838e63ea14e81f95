"""LaMa's generator (Suvorov et al. 2022, "Resolution-robust Large Mask Inpainting with Fourier Convolutions")."""

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork
from inlay.models.lama.blocks import Block, FourierBlock
from inlay.models.lama.fourier import FourierConv, Padding
from inlay.models.lama.refinement import Refinement, fill_refined
from inlay.models.layers import ConvNorm

IMAGE_CHANNELS = 3


class LaMa(InpaintingNetwork):
    """Convolutions down, residual blocks, transposed convolutions up.

    =================  ======  =============  ===========
    network            blocks  block          parameters
    =================  ======  =============  ===========
    LaMa-Fourier       9       FourierBlock   27,048,835
    Big LaMa           18      FourierBlock   50,975,875
    LaMa-Regular       9       PlainBlock     45,617,731
    LaMa-Dilated       9       DilatedBlock   45,645,379
    =================  ======  =============  ===========

    Args:
        width: channels after the first convolution; they double with each halving of the size.
        downs: halvings.
        blocks: residual blocks.
        block: makes a block from the number of its channels and ``padding``.
        padding: of the first and the last convolution, and of the blocks. On CUDA, ``reflect`` has no deterministic
            gradient; take ``replicate`` where ``trainer.deterministic`` is true.
        down_padding: of the convolutions that halve; None for ``padding``.
        bias: whether the convolutions before the blocks have one, in front of a batch norm that takes it off again.

    Raises:
        InlayError: an argument is out of range.
    """

    refinement: Refinement | None = None

    def __init__(
        self,
        width: int = 64,
        downs: int = 3,
        blocks: int = 9,
        block: Callable[..., Block] = FourierBlock,
        padding: Padding = "reflect",
        down_padding: Padding | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if min(width, downs, blocks) < 1:
            raise InlayError(
                f"model.width, model.downs and model.blocks must be at least 1, got {width}, {downs} and {blocks}."
            )
        for key, chosen in (("padding", padding), ("down_padding", down_padding or padding)):
            if chosen not in get_args(Padding):
                raise InlayError(f"model.{key} must be one of {', '.join(get_args(Padding))}, got {chosen!r}.")
        channels = [width * 2**level for level in range(downs + 1)]
        stem = nn.Conv2d(IMAGE_CHANNELS + 1, width, 7, padding=3, padding_mode=padding, bias=bias)
        halving = {"kernel_size": 3, "stride": 2, "padding": 1, "padding_mode": down_padding or padding, "bias": bias}
        down = [nn.Conv2d(c, 2 * c, **halving) for c in channels[:-1]]  # type: ignore[arg-type]
        self.encoder = nn.Sequential(*(ConvNorm(conv) for conv in (stem, *down)))
        trunk = [block(channels[-1], padding=padding) for _ in range(blocks)]
        self.blocks = nn.ModuleList(trunk)
        self.parts = list(trunk[0].parts)
        up = (nn.ConvTranspose2d(2 * c, c, 3, 2, padding=1, output_padding=1) for c in reversed(channels[:-1]))
        self.decoder = nn.Sequential(*(ConvNorm(conv) for conv in up))
        self.head = nn.Conv2d(width, IMAGE_CHANNELS, 7, padding=3, padding_mode=padding)
        self.size_multiple = 2**downs
        self.smallest_size = max(trunk[0].smallest * 2**downs, 4)
        self.to(memory_format=torch.channels_last)

    def forward(self, masked: Tensor, mask: Tensor) -> Tensor:
        """Fill the whole frame.

        Args:
            masked: ``(B, 3, H, W)`` RGB in ``[0, 1]`` with the hole blanked; H and W divisible by ``2**downs``.
            mask: ``(B, 1, H, W)``, 1 = hole.

        Returns:
            ``raw``, ``(B, 3, H, W)`` in ``[0, 1]``.

        Raises:
            InlayError: the network does not take the size.
        """
        if not torch.compiler.is_exporting():
            self.check_size(*masked.shape[-2:])
        if self.refinement is not None:
            return fill_refined(self.encode, self.decode, masked, mask, self.size_multiple, self.refinement)
        return self.decode(self.encode(torch.cat([masked, mask.to(masked.dtype)], dim=1)))

    def encode(self, x: Tensor) -> Tensor:
        """``(B, 4, H, W)``, erased picture and mask, to features ``(B, C, H / 2**downs, W / 2**downs)``."""
        features: Tensor = self.encoder(x.contiguous(memory_format=torch.channels_last))
        return features

    def decode(self, x: Tensor) -> Tensor:
        """Features of :meth:`encode` to ``raw``, by way of the blocks."""
        parts: tuple[Tensor, ...] = torch.split(x, self.parts, dim=1)
        for block in self.blocks:
            parts = block(*parts)
        x = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        x = self.head(self.decoder(x))
        return torch.sigmoid(x.to(torch.promote_types(x.dtype, torch.float32)))  # 8 bits need more than bfloat16

    @override
    def for_inference(
        self,
        refine: bool = False,
        refine_steps: int = Refinement().steps,
        refine_lr: float = Refinement().lr,
        refine_pixels: int = Refinement().pixels,
    ) -> None:
        """Fold batch norm into convolutions.

        Args:
            refine: whether pictures beyond about 720 px are filled from coarse to fine, see
                :mod:`inlay.models.lama.refinement`; with ``strategy=whole``, as others show smaller windows.
            refine_steps: of Adam for each size beyond the first.
            refine_lr: of these steps.
            refine_pixels: of the largest copy that is refined.

        Raises:
            InlayError: a number is out of range.
        """
        settings = Refinement(refine_steps, refine_lr, refine_pixels)
        settings.check()
        self.refinement = settings if refine else None
        for module in list(self.modules()):
            if isinstance(module, ConvNorm | FourierConv):
                module.fold()
        self.to(memory_format=torch.channels_last)
