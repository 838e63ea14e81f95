"""The sum of a paper's loss terms, each with its weight."""

import math
from collections.abc import Callable, Mapping
from typing import Literal, TypedDict, get_args

import torch
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.losses.perceptual import FeatureTerm
from inlay.losses.types import LossInput
from inlay.losses.vgg import IMAGENET_STD, VGG16Features

PixelSpace = Literal["rgb", "imagenet"]


class WeightedTerm(TypedDict):
    """A line of the equation."""

    weight: float
    term: Callable[[], nn.Module]


class WeightedSum(nn.Module):
    """``L = sum_k weight_k * L_k``. A term of weight 0 is absent, and so is VGG when no term looks at its features.

    Args:
        terms: by name, a weight and a constructor of the term (a Hydra partial).
        vgg: constructor of the shared feature network; called only when a term needs it.
        pixel_space: where the L1 of hole and valid pixels is taken: ``rgb``, the pictures in ``[0, 1]``; or
            ``imagenet``, the same over ImageNet's standard deviations, which is 4.4 times as much.

    Raises:
        InlayError: a weight is negative or not finite, no term is left, features are needed and ``vgg`` is missing, or
            there is no such space.
    """

    std: Tensor | None

    def __init__(
        self,
        terms: Mapping[str, WeightedTerm],
        vgg: Callable[[], VGG16Features] | None = None,
        pixel_space: PixelSpace = "rgb",
    ) -> None:
        super().__init__()
        if pixel_space not in get_args(PixelSpace):
            raise InlayError(f"loss.pixel_space must be rgb or imagenet, got {pixel_space!r}.")
        std = torch.tensor(IMAGENET_STD).view(3, 1, 1) if pixel_space == "imagenet" else None
        self.register_buffer("std", std, persistent=False)
        self.weights = {name: float(line["weight"]) for name, line in terms.items() if line["weight"] != 0}
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and weight > 0):
                raise InlayError(f"loss.terms.{name}.weight must be finite and at least 0, got {weight}.")
        if not self.weights:
            raise InlayError("loss.terms: every weight is 0, so there is nothing to train on. Raise one.")
        self.terms = nn.ModuleDict({name: terms[name]["term"]() for name in self.weights})
        needs_features = any(isinstance(term, FeatureTerm) for term in self.terms.values())
        if needs_features and vgg is None:
            raise InlayError("loss.vgg is missing, but a term of the loss compares deep features. See conf/loss/pconv.")
        self.vgg = vgg() if needs_features and vgg is not None else None

    def forward(self, raw: Tensor, composite: Tensor, image: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare an answer with the truth (shapes and polarity: :mod:`inlay.types`).

        Returns:
            The weighted sum (scalar), and each term by name before its weight (scalars without gradient).
        """
        features = None if self.vgg is None else self.vgg.compare(raw, composite, image)
        given = LossInput(raw, composite, image, mask, features, self.std)
        values = {name: term(given) for name, term in self.terms.items()}
        total = torch.stack([self.weights[name] * value.float() for name, value in values.items()]).sum()
        return total, {name: value.detach() for name, value in values.items()}
