"""Trained networks as fillers."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from typing_extensions import override

from inlay import checkpoints
from inlay.checkpoints.files import digest, resolved
from inlay.device import choose_device
from inlay.errors import InlayError
from inlay.files import at_home
from inlay.fillers.base import Filler, Seed
from inlay.models.base import InpaintingNetwork
from inlay.precision import InferencePrecision, autocast
from inlay.types import TextFeatures, Tokens

if TYPE_CHECKING:
    from inlay.text import TextEncoder

UNSAVED = "not from a file"
"""The identity of a network that was handed over in memory."""


class NetworkFiller(Filler):
    """A network in eval mode, without what only training needs; it takes what the network declares.

    Args:
        net: the network.
        text: the encoder that reads texts for it, if it takes text and has no encoder of its own.
        device: where they run; pictures are moved there and back.
        precision: of the network's numbers; what goes in and comes out is float32.
        path: of the checkpoint that they come from.
        size: side in pixels of the crops that they were trained on.
        settings: of the network's filling (:meth:`~inlay.models.base.InpaintingNetwork.for_inference`).

    Raises:
        InlayError: the network takes text and there is no encoder.
    """

    runs_with = frozenset({"device", "precision"})

    def __init__(
        self,
        net: InpaintingNetwork,
        text: "TextEncoder | None" = None,
        *,
        device: torch.device | str = "cpu",
        precision: InferencePrecision = "32",
        path: Path | None = None,
        size: int | None = None,
        **settings: Any,
    ) -> None:
        self.device = choose_device(str(device))
        self.autocast = autocast(self.device, precision)
        self.path, self.size, self.settings = path, size, settings
        cast(Any, net).for_inference(**settings)
        self.net = net.to(self.device).eval()
        self.takes_text, self.takes_reference = net.takes_text, net.takes_reference
        self.takes_seed = net.noise_spec is not None
        self.text = cast("TextEncoder | None", net.own_text_encoder()) or text
        if self.takes_text and self.text is None:
            raise InlayError(f"{type(net).__name__} takes text, and there is no text encoder. Give it the run's.")
        if self.text is not None:
            self.text.to(self.device).eval()
            self.tokenizer = self.text.tokenizer if self.takes_text else None

    @property
    @override
    def described(self) -> str:
        weights = sum(weight.numel() for weight in self.net.parameters())
        trained = f"trained at {self.size} px" if self.size else "size of training unknown"
        return f"{type(self.net).__name__}, {weights / 1e6:.2f} M weights, {trained}, on {self.device}"

    @cached_property
    def identity(self) -> str:  # type: ignore[override]  # a large file takes a while, and not everybody asks
        """The digest of the checkpoint's file, and the settings of the network's filling."""
        return ", ".join([digest(self.path) if self.path else UNSAVED, *(f"{k} {v}" for k, v in self.settings.items())])

    @override
    @torch.inference_mode()
    def predict(
        self, masked: Tensor, mask: Tensor, *, text: Sequence[str], reference: Tensor | None, seed: Seed
    ) -> Tensor:
        spec = self.net.noise_spec
        noise = None if spec is None or seed is None else spec.draw(masked, seed).to(self.device)
        with self.autocast:
            return self.net.inpaint(
                masked.to(self.device),
                mask.to(self.device),
                text=self._features(text) if self.takes_text else None,
                reference=None if reference is None else reference.to(self.device),
                noise=noise,
            )

    def _features(self, text: Sequence[str]) -> TextFeatures:
        assert self.text is not None
        assert self.tokenizer is not None
        tokens: dict[str, Any] = {**self.tokenizer(text)}
        features: TextFeatures = self.text(cast(Tokens, {name: x.to(self.device) for name, x in tokens.items()}))
        return features


class CheckpointFiller(NetworkFiller):
    """The network of a checkpoint, and the text encoder that reads for it, rebuilt from the file alone.

    A ``checkpoint`` is one of ``inlay train``, a folder of ``inlay export``, or the name of such a folder on the
    Hugging Face hub. Averaged weights are preferred to those they are the average of.

    Raises:
        InlayError: see :func:`inlay.checkpoints.build_network` and :func:`~inlay.checkpoints.build_text_encoder`; or
            the network fills no holes.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        device: torch.device | str = "cpu",
        precision: InferencePrecision = "32",
        **settings: Any,
    ) -> None:
        # best.ckpt is a link that a training may move on while it is read
        path = resolved(checkpoints.resolve_checkpoint(Path(at_home(checkpoint))))
        net = checkpoints.build_network(path)
        if not isinstance(net, InpaintingNetwork):
            raise InlayError(
                f"{path}: a checkpoint of {type(net).__name__}, which fills no holes. Give one of a run whose task "
                "trains a network for that."
            )
        reads = net.takes_text and net.own_text_encoder() is None
        text = cast("TextEncoder", checkpoints.build_text_encoder(path)) if reads else None
        size = checkpoints.training_size(path)
        super().__init__(net, text, device=device, precision=precision, path=path, size=size, **settings)
