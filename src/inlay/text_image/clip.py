"""Matching by CLIP, which knows captions and photographs already."""

import logging
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from inlay.errors import InlayError
from inlay.losses.contrastive import info_nce
from inlay.pretrained.transformers import Source
from inlay.text import Tokenizer
from inlay.text.transformer import SubwordTokenizer, last_state, visible
from inlay.text_image.base import TextImageModel
from inlay.types import Tokens

log = logging.getLogger(__name__)

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class CLIPTextImage(TextImageModel):
    """CLIP (Radford et al. 2021): the caption against the whole picture, by cosine.

    One term: ``sentence`` (:func:`~inlay.losses.contrastive.info_nce`).

    Args:
        model: a folder as ``save_pretrained`` of transformers writes it, or a name on the Hugging Face hub, which is
            downloaded once; both with their tokenizer. None is ViT-B/32 with random weights and without a tokenizer:
            its size and speed need no file.
        pretrained: False builds the network from its configuration, with random weights; None for ``model`` needs it.
        temperature: cosines are divided by it.

    Raises:
        InlayError: an argument is out of range, or ``model`` cannot be loaded; the message says which files go where.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: str | None, pretrained: bool = True, temperature: float = 0.07) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise InlayError(f"text_image.temperature must be positive and finite (0.07 is usual), got {temperature}.")
        if model is None and pretrained:
            raise InlayError(
                "text_image.model=null is a network without weights: with it, text_image.pretrained must be false, got "
                "true. Or name weights: text_image.model=openai/clip-vit-base-patch32."
            )
        self.temperature = temperature
        self.net, self._tokenizer = _load(model, pretrained)
        self.size = self.net.config.vision_config.image_size
        self.register_buffer("mean", torch.tensor(CLIP_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(CLIP_STD).view(1, 3, 1, 1))
        self.freeze()

    @property
    def tokenizer(self) -> Tokenizer:
        """CLIP's own.

        Raises:
            InlayError: the network was built without files.
        """
        if self._tokenizer is None:
            raise InlayError("text_image.model=null has no tokenizer. Name a model: openai/clip-vit-base-patch32.")
        return self._tokenizer

    @override
    def encode_image(self, image: Tensor) -> tuple[Tensor]:
        # resized as CLIP's own pictures were (bicubic, antialiased), the whole frame
        small = F.interpolate(image, self.size, mode="bicubic", antialias=True)
        seen = self.net.vision_model((small - self.mean) / self.std).pooler_output
        return (self.net.visual_projection(seen),)  # (B, D)

    @override
    def encode_text(self, tokens: Tokens) -> tuple[Tensor]:
        states = self.net.text_model(tokens["input_ids"], visible(tokens).tril()).last_hidden_state  # (B, T, C)
        return (self.net.text_projection(last_state(states, tokens)),)  # (B, D)

    @override
    def terms(
        self, image: tuple[Tensor, ...], text: tuple[Tensor, ...], duplicates: Tensor, captioned: Tensor
    ) -> dict[str, Tensor]:
        return {"sentence": info_nce(image[0], text[0], duplicates, self.temperature, captioned)}


def _load(model: str | None, pretrained: bool) -> tuple[Any, Tokenizer | None]:
    """CLIP in float32, and its tokenizer where there is one."""
    if not pretrained:
        log.warning("text_image.pretrained=false: CLIP has random weights; what it matches means nothing.")
    if model is None:
        from transformers import CLIPConfig, CLIPModel

        return CLIPModel(CLIPConfig()), None
    source = Source(model, "text_image.model", "To train without it: text_image=null.")
    config = source.config()
    if config.model_type != "clip":
        raise InlayError(f"{source}: must be clip, with both towers, got {config.model_type}.")
    text = config.text_config
    tokenizer = SubwordTokenizer(source.tokenizer(text.vocab_size), text.max_position_embeddings)
    return source.network(config, pretrained), tokenizer
