"""A trained network as a filler."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from inlay.checkpoint_files import digest
from inlay.checkpoints import build_network, training_size
from inlay.fillers.base import Filler
from inlay.ops import composite, erase
from inlay.precision import Inference, autocast

UNSAVED = "not from a file"
"""The identity of a network that was handed over in memory."""


class Learned(Filler):
    """A network with ``forward(masked, mask) -> raw``, in eval mode.

    Args:
        net: the network.
        device: where it runs; pictures are moved there and back.
        identity: which version of it, see :func:`inlay.checkpoint_files.digest`.
        size: side in pixels of the crops that it was trained on.
        precision: of its numbers; what goes in and comes out is float32.
    """

    def __init__(
        self,
        net: nn.Module,
        device: torch.device | str = "cpu",
        identity: str = UNSAVED,
        size: int | None = None,
        precision: Inference = "32",
    ) -> None:
        self.net = net.to(device).eval()
        self.device = torch.device(device)
        self.identity, self.size = identity, size
        self.autocast = autocast(self.device, precision)

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: torch.device | str = "cpu", precision: Inference = "32") -> Self:
        """Rebuild the network from a checkpoint alone. Errors: see :func:`inlay.checkpoints.build_network`."""
        return cls(build_network(path), device, digest(path), training_size(path), precision)

    @torch.inference_mode()
    def fill(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> Tensor:
        """See :class:`~inlay.fillers.Filler`."""
        here = mask.to(self.device)
        with self.autocast:
            raw = self.net(erase(image.to(self.device), here), here)
        return composite(raw.clamp(0, 1).to(image), image, mask)
