"""A trained network as a filler."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from inlay.checkpoints import build_network, training_size
from inlay.checkpoints.files import digest
from inlay.fillers.base import Filler
from inlay.ops import composite, erase
from inlay.precision import InferencePrecision, autocast

UNSAVED = "not from a file"
"""The identity of a network that was handed over in memory."""


class Trained(Filler):
    """What is made of a checkpoint; ``path`` is the checkpoint's, if there is one."""

    net: nn.Module
    device: torch.device
    path: Path | None = None

    @property
    def described(self) -> str:
        """See :class:`~inlay.fillers.Filler`; of a text-guided network without its text encoder."""
        weights = sum(weight.numel() for weight in self.net.parameters())
        trained = f"trained at {self.size} px" if self.size else "size of training unknown"
        return f"{type(self.net).__name__}, {weights / 1e6:.2f} M weights, {trained}, on {self.device}"

    @cached_property
    def identity(self) -> str:  # type: ignore[override]  # a large file takes a while, and not everybody asks
        """See :class:`~inlay.fillers.Filler`."""
        return digest(self.path) if self.path else UNSAVED


class NetworkFiller(Trained):
    """A network with ``forward(masked, mask) -> raw``, in eval mode.

    Args:
        net: the network.
        device: where it runs; pictures are moved there and back.
        path: of the checkpoint that it comes from.
        size: side in pixels of the crops that it was trained on.
        precision: of its numbers; what goes in and comes out is float32.
    """

    def __init__(
        self,
        net: nn.Module,
        device: torch.device | str = "cpu",
        path: Path | None = None,
        size: int | None = None,
        precision: InferencePrecision = "32",
    ) -> None:
        self.net = net.to(device).eval()
        self.device = torch.device(device)
        self.path, self.size = path, size
        self.autocast = autocast(self.device, precision)

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, device: torch.device | str = "cpu", precision: InferencePrecision = "32"
    ) -> Self:
        """Rebuild the network from a checkpoint alone. Errors: see :func:`inlay.checkpoints.build_network`."""
        return cls(build_network(path), device, Path(path), training_size(path), precision)

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
