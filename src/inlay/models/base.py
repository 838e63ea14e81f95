"""The base of networks that fill holes: each class declares what it takes, and whoever uses one reads only that."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.ops import erase, pad_to_multiple
from inlay.randomness import RngStream, torch_seed
from inlay.types import TextFeatures


class NoiseSpec(NamedTuple):
    """The standard normal noise that a stochastic network takes for a batch: ``(B, channels, h, w)``.

    A sampler of several steps declares ``steps * C`` channels and splits them: all draws come from outside of the
    network, so that a seed means the same on every device, for every batch size and in an exported graph.
    """

    channels: int
    stride: int = 1
    """Pixels of the picture per row or column of noise, rounded up."""
    least: int = 1
    """The fewest rows and columns."""

    def shape(self, image: Tensor) -> tuple[int, int, int, int]:
        """Shape of the noise for ``(B, C, H, W)`` pictures."""
        height, width = (max(self.least, -(-side // self.stride)) for side in image.shape[-2:])
        return len(image), self.channels, height, width

    def draw(self, image: Tensor, seed: int | Sequence[int]) -> Tensor:
        """Draw noise for ``(B, C, H, W)`` pictures on the CPU, each picture's by itself.

        Args:
            image: the pictures; only their shape is read.
            seed: one for the batch, whose pictures get different draws, or one per picture, which is then drawn as it
                would be alone.

        Raises:
            InlayError: the number of seeds is not that of the pictures.
        """
        batch, *each = self.shape(image)
        if isinstance(seed, int):
            numbers = [torch_seed(seed, RngStream.LATENT, index=index) for index in range(batch)]
        elif len(seed) == batch:
            numbers = [torch_seed(one, RngStream.LATENT) for one in seed]
        else:
            raise InlayError(f"seed must be one number or a list of {batch}, one per picture, got {seed!r}.")
        return torch.stack([torch.randn(each, generator=torch.Generator().manual_seed(number)) for number in numbers])


class InpaintingNetwork(nn.Module):
    """Base of networks with ``forward(masked, mask) -> raw``, and of ``forward`` as keywords what the class declares.

    ====================  ============================================================================
    declaration           keyword of ``forward``
    ====================  ============================================================================
    ``takes_text``        ``text``: :class:`~inlay.types.TextFeatures` of width :attr:`text_dim`
    ``takes_reference``   ``reference``: ``(B, 3, H', W')`` RGB in ``[0, 1]`` to take content from, or None
    ``noise_spec``        ``noise``: of that shape, or None for the deterministic output
    ``coarse_to_fine``    ``stages``: whether to return a list of pictures, from coarse to fine, ``raw`` last
    ====================  ============================================================================

    ``forward`` gets ``masked``, ``(B, 3, H, W)`` RGB in ``[0, 1]`` with the hole blanked, and ``mask``,
    ``(B, 1, H, W)`` with 1 = hole, of sizes that :attr:`size_multiple` and :attr:`smallest_size` allow. It returns
    ``raw``, ``(B, 3, H, W)``, or ``(B, 1, H, W)`` for a gray one such as a mask, not necessarily clamped.

    Tasks, fillers, exports and tests know networks by this class alone. None asks which network it has.
    """

    takes_text: ClassVar[bool] = False
    takes_reference: ClassVar[bool] = False
    coarse_to_fine: ClassVar[bool] = False
    noise_spec: NoiseSpec | None = None
    """The noise that the network takes; None for a network without randomness."""
    text_dim: int
    """Width of the text features, of a network that takes text."""
    size_multiple: int = 1
    """Height and width that ``forward`` gets are multiples of this."""
    smallest_size: int = 1
    """Height and width that ``forward`` gets are at least this."""

    def inpaint(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: TextFeatures | None = None,
        reference: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Fill pictures of any size: erase the hole, pad to a size that the network takes, call it, crop.

        Args:
            image: ``(B, 3, H, W)`` RGB in ``[0, 1]``; what lies under the mask is never read.
            mask: ``(B, 1, H, W)``, 1 = hole.
            text: features of the captions; passed on if the network takes text.
            reference: ``(B, 3, H', W')``; passed on if the network takes a reference picture.
            noise: see :class:`NoiseSpec`; passed on if the network takes noise.

        Returns:
            ``raw``, ``(B, C, H, W)``.
        """
        return self.inpaint_stages(image, mask, text=text, reference=reference, noise=noise)[-1]

    def inpaint_stages(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: TextFeatures | None = None,
        reference: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> list[Tensor]:
        """:meth:`inpaint`, with the coarser pictures of a network that goes from coarse to fine; ``raw`` comes last."""
        height, width = image.shape[-2:]
        fewest = -(-self.smallest_size // self.size_multiple)
        masked = pad_to_multiple(erase(image, mask), self.size_multiple, least=fewest)
        mask = pad_to_multiple(mask, self.size_multiple, value=1.0, least=fewest)  # what is padded is hole
        taken: dict[str, Any] = {}
        if self.takes_text:
            taken["text"] = text
        if self.takes_reference:
            taken["reference"] = reference
        if self.noise_spec is not None:
            taken["noise"] = noise
        if self.coarse_to_fine:
            taken["stages"] = True
        pictures = self(masked, mask, **taken)
        return [raw[..., :height, :width] for raw in (pictures if self.coarse_to_fine else [pictures])]

    def own_text_encoder(self) -> nn.Module | None:
        """The text encoder that is a part of the network; None where that of the run (``text=``) serves."""
        return None

    def for_inference(self) -> None:
        """Drop the parts that only training needs.

        A network whose filling has settings (steps, guidance) takes them here, as keyword arguments of an override
        with defaults: the keys of a filler's yaml that are not the filler's own arrive here.
        """

    def check_size(self, height: int, width: int) -> None:
        """Refuse sizes that ``forward`` does not take without padding.

        Raises:
            InlayError: naming the next sizes that fit.
        """
        multiple, least = self.size_multiple, -(-self.smallest_size // self.size_multiple) * self.size_multiple
        for side in (height, width):
            if side % multiple or side < least:
                below = side - side % multiple
                raise InlayError(
                    f"data.image_size must be a multiple of {multiple} and at least {least} for this network, got "
                    f"{height}x{width}. Use {max(least, below)} or {max(least, below + multiple)}."
                )
