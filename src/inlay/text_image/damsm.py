"""Matching by words and regions, with encoders that ``task=text_image`` has trained."""

from typing import cast

import torch
from torch import Tensor
from typing_extensions import override

from inlay import checkpoints
from inlay.errors import InlayError
from inlay.losses.contrastive import check_gammas, sentence_matching, word_matching
from inlay.models.damsm import DAMSM, ImageFeatures
from inlay.text import TextEncoder, Tokenizer
from inlay.text_image.base import TextImageModel
from inlay.types import TextFeatures, Tokens


class DAMSMTextImage(TextImageModel):
    """DAMSM (Xu et al. 2018): every word against the picture's regions, the caption against the whole picture.

    Terms: ``words`` (:func:`~inlay.losses.contrastive.word_matching`) and ``sentence``
    (:func:`~inlay.losses.contrastive.sentence_matching`).

    Args:
        checkpoint: a file that a run with ``task=text_image`` wrote. It brings both encoders, but not the weights of an
            image trunk that was not trained: those come from where they came from in that run.
        gamma1: sharpness of a word's attention to regions.
        gamma2: how much the best-shown word outweighs the others.
        gamma3: sharpness of the softmax over the batch.

    Raises:
        InlayError: the checkpoint is missing, damaged or of another network, or a gamma is not positive.
    """

    def __init__(self, checkpoint: str, gamma1: float = 5.0, gamma2: float = 5.0, gamma3: float = 10.0) -> None:
        super().__init__()
        check_gammas("text_image", gamma1, gamma2, gamma3)
        self.gamma1, self.gamma2, self.gamma3 = gamma1, gamma2, gamma3
        image = checkpoints.build_network(checkpoint)
        if not isinstance(image, DAMSM):
            raise InlayError(
                f"text_image.checkpoint={checkpoint}: holds {type(image).__name__}, not an image encoder. "
                "Give a checkpoint that `inlay train` wrote with experiment=damsm_cub (task=text_image)."
            )
        self.image = image
        self.text = cast(TextEncoder, checkpoints.build_text_encoder(checkpoint))
        self.freeze()

    @property
    def tokenizer(self) -> Tokenizer:
        """The checkpoint's own."""
        return self.text.tokenizer

    @override
    def encode_image(self, image: Tensor) -> ImageFeatures:
        features: ImageFeatures = self.image(image)
        return features

    @override
    def encode_text(self, tokens: Tokens) -> TextFeatures:
        # in float32, as it costs little, and half precision adds up word by word
        with torch.autocast(tokens["input_ids"].device.type, enabled=False):
            features: TextFeatures = self.text(tokens)
        return features

    @override
    def terms(
        self, image: tuple[Tensor, ...], text: tuple[Tensor, ...], duplicates: Tensor, captioned: Tensor
    ) -> dict[str, Tensor]:
        (regions, whole), (words, sentence, word_mask) = image, text
        gammas = self.gamma1, self.gamma2, self.gamma3
        return {
            "words": word_matching(regions, words, word_mask, duplicates, *gammas, captioned),
            "sentence": sentence_matching(whole, sentence, duplicates, self.gamma3, captioned),
        }
