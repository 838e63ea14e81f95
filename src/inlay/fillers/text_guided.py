"""A trained network that fills a hole with what a text asks for."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from inlay.fillers import text_inputs
from inlay.fillers.network import Trained
from inlay.models import TDANet
from inlay.ops import composite, erase
from inlay.precision import InferencePrecision, autocast
from inlay.text import TextEncoder
from inlay.types import Tokens


class TextGuided(Trained):
    """A network with ``forward(masked, mask, text, noise) -> raw`` and the encoder that reads for it, in eval mode.

    Args:
        net: the network; what only training needs is dropped.
        text: the encoder.
        device: where they run; pictures are moved there and back.
        path: of the checkpoint that they come from.
        size: side in pixels of the crops that they were trained on.
        precision: of the network's numbers.
    """

    net: TDANet
    takes_text = True
    takes_seed = True

    def __init__(
        self,
        net: TDANet,
        text: TextEncoder,
        device: torch.device | str = "cpu",
        path: Path | None = None,
        size: int | None = None,
        precision: InferencePrecision = "32",
    ) -> None:
        self.net, self.text, self.path, self.size = net, text, path, size
        self.net.strip()
        self.device = torch.device(device)
        self.autocast = autocast(self.device, precision)
        for module in (self.net, self.text):
            module.to(self.device).eval()

    @torch.inference_mode()
    def fill(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> Tensor:
        """See :class:`~inlay.fillers.Filler`; without text the context decides, without seed the latent's mean does.

        Raises:
            InlayError: ``text`` is not one text a picture.
        """
        text = text_inputs.one_each(text, len(image))
        here = mask.to(self.device)
        noise = None if seed is None else text_inputs.latent_draws(self.net.latent_shape(image), seed).to(self.device)
        with self.autocast:
            read = self.text(_moved(self.text.tokenizer(text), self.device))
            raw = self.net(erase(image.to(self.device), here), here, read, noise)
        return composite(raw.clamp(0, 1).to(image), image, mask)

    def doubts(self, text: str) -> list[str]:
        """See :class:`~inlay.fillers.Filler`: a text without words, one that is cut off, words that are not known."""
        return text_inputs.doubts(self.text.tokenizer, text)


def _moved(tokens: Tokens, device: torch.device) -> Tokens:
    ids, attended, words = tokens["ids"], tokens["attended"], tokens["words"]
    return Tokens(ids=ids.to(device), attended=attended.to(device), words=words.to(device))
