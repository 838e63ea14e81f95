"""The base of text-image models."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from inlay.losses.contrastive import false_negatives
from inlay.models.frozen import Frozen
from inlay.text import Tokenizer
from inlay.types import Tokens


class TextImageModel(Frozen, ABC):
    """Compares images with captions: frozen encoders of both, and loss terms of their features.

    A gradient flows into the images and nowhere else, and no checkpoint holds the weights.
    """

    @property
    @abstractmethod
    def tokenizer(self) -> Tokenizer:
        """Makes the tokens that this model reads, ``text_image_tokens`` of a batch."""

    def forward(
        self, images: Mapping[str, Tensor], tokens: Tokens, label: Tensor | None = None
    ) -> dict[str, dict[str, Tensor]]:
        """Loss terms of one or more answers to the same batch: captions are read once, pictures seen in one pass.

        Pairs with the same caption or class are no negatives; a picture without a caption counts nowhere.

        Args:
            images: by name, ``(B, 3, H, W)`` RGB in ``[0, 1]``, all of one shape.
            tokens: of the batch's captions, by this text-image model's tokenizer.
            label: ``(B,)`` classes, where there are any.

        Returns:
            For each name, unweighted terms by their names (scalars >= 0, lower is better).
        """
        with torch.no_grad():
            text = self.encode_text(tokens)
        duplicates, captioned = false_negatives(tokens, label), tokens["words"].any(dim=1)
        seen = self.encode_image(torch.cat(list(images.values())))
        answers = zip(*(features.chunk(len(images)) for features in seen), strict=True)
        return {
            name: self.terms(answer, text, duplicates, captioned) for name, answer in zip(images, answers, strict=True)
        }

    @abstractmethod
    def encode_image(self, image: Tensor) -> tuple[Tensor, ...]:
        """Features of ``(B, 3, H, W)`` RGB in ``[0, 1]``, B first in each."""

    @abstractmethod
    def encode_text(self, tokens: Tokens) -> tuple[Tensor, ...]:
        """Features of captions."""

    @abstractmethod
    def terms(
        self, image: tuple[Tensor, ...], text: tuple[Tensor, ...], duplicates: Tensor, captioned: Tensor
    ) -> dict[str, Tensor]:
        """Loss terms of what :meth:`encode_image` and :meth:`encode_text` found.

        ``duplicates`` ``(B, B)`` and ``captioned`` ``(B,)`` as in
        :func:`~inlay.losses.contrastive.sentence_matching`.
        """
