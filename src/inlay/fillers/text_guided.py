"""A trained network that fills a hole with what a text asks for."""

from collections.abc import Sequence

import torch
from torch import Tensor

from inlay.errors import InlayError
from inlay.fillers.base import Filler
from inlay.fillers.learned import UNSAVED
from inlay.models import TDANet
from inlay.ops import composite, erase
from inlay.precision import Inference, autocast
from inlay.randomness import Stream, torch_seed
from inlay.text import TextEncoder, Tokenizer
from inlay.text.recurrent import WordTokenizer
from inlay.text.transformer import SubwordTokenizer
from inlay.text.vocabulary import words_of
from inlay.types import Tokens


class TextGuided(Filler):
    """A network with ``forward(masked, mask, text, noise) -> raw`` and the encoder that reads for it, in eval mode.

    Args:
        net: the network; what only training needs is dropped.
        text: the encoder.
        device: where they run; pictures are moved there and back.
        identity: which version of them, see :func:`inlay.checkpoint_files.digest`.
        size: side in pixels of the crops that they were trained on.
        precision: of the network's numbers.
    """

    takes_text = True
    takes_seed = True

    def __init__(
        self,
        net: TDANet,
        text: TextEncoder,
        device: torch.device | str = "cpu",
        identity: str = UNSAVED,
        size: int | None = None,
        precision: Inference = "32",
    ) -> None:
        self.net, self.text, self.identity, self.size = net, text, identity, size
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
        text = [""] * len(image) if text is None else text
        if isinstance(text, str) or len(text) != len(image):  # letters would make a sequence of texts, too
            raise InlayError(f"text must be a list of {len(image)} texts, one a picture, got {text!r}.")
        here = mask.to(self.device)
        noise = None if seed is None else self._noise(image, seed)
        with self.autocast:
            read = self.text(_moved(self.text.tokenizer(text), self.device))
            raw = self.net(erase(image.to(self.device), here), here, read, noise)
        return composite(raw.clamp(0, 1).to(image), image, mask)

    def doubts(self, text: str) -> list[str]:
        """See :class:`~inlay.fillers.Filler`: a text without words, one that is cut off, words that are not known."""
        tokenizer, text = self.text.tokenizer, text.strip()
        read = tokenizer.pieces(text)
        if text and not read:
            return ["it has no words, so the context decides."]
        doubts = []
        if _longer(text, read, tokenizer):
            doubts.append(f"it is too long: the model reads {len(read)} words or parts of words, the rest is cut off.")
        if isinstance(tokenizer, WordTokenizer) and (new := [w for w in dict.fromkeys(read) if w not in tokenizer.ids]):
            doubts.append(f"the model never learned these words and cannot tell them apart: {', '.join(new)}.")
        return doubts

    def _noise(self, image: Tensor, seed: int | Sequence[int]) -> Tensor:
        """Drawn on the CPU and for each picture by itself: neither the device nor the batch's size changes a draw."""
        batch, *shape = self.net.latent_shape(image)
        places = [(seed, index) for index in range(batch)] if isinstance(seed, int) else [(each, 0) for each in seed]
        seeds = [torch_seed(each, Stream.LATENT, index=index) for each, index in places]
        draws = [torch.randn(shape, generator=torch.Generator().manual_seed(number)) for number in seeds]
        return torch.stack(draws).to(self.device)


def _moved(tokens: Tokens, device: torch.device) -> Tokens:
    ids, attended, words = tokens["ids"], tokens["attended"], tokens["words"]
    return Tokens(ids=ids.to(device), attended=attended.to(device), words=words.to(device))


def _longer(text: str, read: list[str], tokenizer: Tokenizer) -> bool:
    """Whether a text goes on where its pieces that are read end."""
    if isinstance(tokenizer, WordTokenizer):
        return len(words_of(text)) > len(read)
    # Subwords do not say how many there were; yet of what is cut off, the end can be left out and nothing changes.
    full = isinstance(tokenizer, SubwordTokenizer) and len(read) == tokenizer.max_words
    return full and tokenizer.pieces(text[:-1]) == read
