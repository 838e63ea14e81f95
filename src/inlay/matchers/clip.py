"""Matching by CLIP, which knows captions and photographs already."""

import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from inlay.errors import InlayError
from inlay.losses.matching import info_nce
from inlay.matchers.base import Matcher
from inlay.text import Tokenizer
from inlay.text.transformer import SubwordTokenizer
from inlay.types import Tokens

log = logging.getLogger(__name__)

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


class CLIPMatcher(Matcher):
    """CLIP (Radford et al. 2021): the caption against the whole picture, by cosine.

    One term: ``sentence`` (:func:`~inlay.losses.matching.info_nce`).

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
            raise InlayError(f"matcher.temperature must be positive and finite (0.07 is usual), got {temperature}.")
        if model is None and pretrained:
            raise InlayError(
                "matcher.model=null is a network without weights: with it, matcher.pretrained must be false, got true. "
                "Or name weights: matcher.model=openai/clip-vit-base-patch32."
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
            raise InlayError("matcher.model=null has no tokenizer. Name a model: openai/clip-vit-base-patch32.")
        return self._tokenizer

    def look(self, image: Tensor) -> tuple[Tensor]:
        """See :meth:`Matcher.look`; resized as CLIP's own pictures were (bicubic, antialiased), the whole frame."""
        small = F.interpolate(image, self.size, mode="bicubic", antialias=True)
        seen = self.net.vision_model((small - self.mean) / self.std).pooler_output
        return (self.net.visual_projection(seen),)  # (B, D)

    def read(self, tokens: Tokens) -> tuple[Tensor]:
        """See :meth:`Matcher.read`; the state of the last token, the end token, as no position looks ahead."""
        attended = tokens["attended"]
        # Given as (B, T), transformers would ask whether it pads at all, for which a GPU has to wait.
        visible = attended[:, None, None, :].expand(-1, 1, attended.shape[1], -1).tril()  # (B, 1, T, T)
        states = self.net.text_model(tokens["ids"], visible).last_hidden_state  # (B, T, C)
        last = attended.sum(1, keepdim=True) - 1  # (B, 1)
        return (self.net.text_projection(states.take_along_dim(last[..., None], dim=1)[:, 0]),)  # (B, D)

    def terms(
        self, image: tuple[Tensor, ...], text: tuple[Tensor, ...], duplicates: Tensor, captioned: Tensor
    ) -> dict[str, Tensor]:
        """See :meth:`Matcher.terms`."""
        return {"sentence": info_nce(image[0], text[0], duplicates, self.temperature, captioned)}


def _load(model: str | None, pretrained: bool) -> tuple[Any, Tokenizer | None]:
    """CLIP in float32, and its tokenizer where there is one."""
    import transformers

    if not pretrained:
        log.warning("matcher.pretrained=false: CLIP has random weights; what it matches means nothing.")
    if model is None:
        return transformers.CLIPModel(transformers.CLIPConfig()), None
    # Loader workers are forked, and threads do not survive that; transformers would say so for each of them.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    local = Path(model).is_dir()
    if not local:
        if not _HUB_NAME.fullmatch(model):
            raise InlayError(f"matcher.model={model}: no such folder. {_remedy('openai/clip-vit-base-patch32')}")
        log.warning("matcher.model=%s is not a folder: taking it from the Hugging Face hub, once.", model)

    def part(what: str, loader: Callable[..., Any], **options: Any) -> Any:
        try:
            with _only_errors(transformers):
                return loader(model, local_files_only=local, **options)
        except Exception as error:  # what these libraries raise on missing and spoiled files has no common base
            cause = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
            raise InlayError(
                f"matcher.model={model}: its {what} could not be loaded ({cause}). {_remedy(model)}"
            ) from error

    config = part("configuration", transformers.AutoConfig.from_pretrained)
    if config.model_type != "clip":
        raise InlayError(f"matcher.model={model}: must be clip, with both towers, got {config.model_type}.")
    tokenizer = part("tokenizer", transformers.AutoTokenizer.from_pretrained)
    known = config.text_config.vocab_size
    if not known / 2 < len(tokenizer) <= known:  # transformers makes do without the files
        raise InlayError(
            f"matcher.model={model}: its tokenizer knows {len(tokenizer):,} tokens, its network {known:,}: the "
            f"tokenizer's files are missing or another network's. {_remedy(model)}"
        )
    tokens = SubwordTokenizer(tokenizer, config.text_config.max_position_embeddings)
    if not pretrained:
        return transformers.CLIPModel(config), tokens
    net, found = part("weights", transformers.CLIPModel.from_pretrained, dtype=torch.float32, output_loading_info=True)
    if missing := sorted(found["missing_keys"]):
        raise InlayError(
            f"matcher.model={model}: its weights lack {len(missing)} of the network's, {missing[0]} for instance. "
            f"{_remedy(model)}"
        )
    return net, tokens


@contextmanager
def _only_errors(transformers: Any) -> Iterator[None]:
    """Keep transformers from listing what it found and what it did not; we say it ourselves."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)


def _remedy(model: str) -> str:
    source = "" if Path(model).is_dir() else f" of https://huggingface.co/{model}"
    return (
        "Put config.json, model.safetensors (or pytorch_model.bin) and tokenizer.json and tokenizer_config.json (or "
        f"vocab.json and merges.txt){source} into one folder and name it: matcher.model=FOLDER. "
        "To train without it: matcher=null."
    )
