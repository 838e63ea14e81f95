"""A trained network as a filler."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from inlay.checkpoint_files import digest
from inlay.checkpoints import build_network
from inlay.fillers.base import Filler
from inlay.ops import composite, erase

UNSAVED = "not from a file"
"""The identity of a network that was handed over in memory."""


class Learned(Filler):
    """A network with ``forward(masked, mask) -> raw``, in eval mode.

    Args:
        net: the network.
        device: where it runs; pictures are moved there and back.
        identity: which version of it, see :func:`inlay.checkpoint_files.digest`.
    """

    def __init__(self, net: nn.Module, device: torch.device | str = "cpu", identity: str = UNSAVED) -> None:
        self.net = net.to(device).eval()
        self.device = torch.device(device)
        self.identity = identity

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: torch.device | str = "cpu") -> Self:
        """Rebuild the network from a checkpoint alone. Errors: see :func:`inlay.checkpoints.build_network`."""
        return cls(build_network(path), device, digest(path))

    @torch.inference_mode()
    def fill(
        self, image: Tensor, mask: Tensor, *, text: Sequence[str] | None = None, seed: int | None = None
    ) -> Tensor:
        """See :class:`~inlay.fillers.Filler`."""
        here = mask.to(self.device)
        raw = self.net(erase(image.to(self.device), here), here)
        return composite(raw.clamp(0, 1).to(image), image, mask)
