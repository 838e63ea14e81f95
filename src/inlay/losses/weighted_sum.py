"""The sum of a paper's loss terms, each with its weight."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypedDict, get_args

import torch
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.losses.perceptual import FeatureTerm
from inlay.losses.types import Features, LossInput
from inlay.losses.vgg import IMAGENET_STD
from inlay.models.frozen import Frozen

PixelSpace = Literal["rgb", "imagenet"]


class WeightedTerm(TypedDict):
    """A line of the equation."""

    weight: float
    term: Callable[[], nn.Module]


class WeightedSum(nn.Module):
    """``L = sum_k weight_k * L_k``. A term of weight 0 is not built, nor is an extractor that no term looks at.

    Args:
        terms: by name, a weight and a constructor of the term (a Hydra partial).
        extractors: by name, constructors of frozen networks that map an image to features by layer. Each is built only
            if a term needs it, and runs once per step over all that its terms compare.
        pixel_space: where the L1 of hole and valid pixels is taken: ``rgb``, the images in ``[0, 1]``; or
            ``imagenet``, these over ImageNet's standard deviations, which is 4.4 times as much.

    Raises:
        InlayError: a weight is negative or not finite, no term is left, a term's extractor is missing, or
            ``pixel_space`` is unknown.
    """

    std: Tensor | None

    def __init__(
        self,
        terms: Mapping[str, WeightedTerm],
        extractors: Mapping[str, Callable[[], Frozen]] | None = None,
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
        self.with_composite: dict[str, bool] = {}
        """Whether an extractor is shown the composite, too; by the name of those that are used."""
        for name, term in self.terms.items():
            if isinstance(term, FeatureTerm):
                if term.extractor not in (extractors or {}):
                    raise InlayError(f"loss.extractors.{term.extractor} is missing, which loss.terms.{name} looks at.")
                already = self.with_composite.get(term.extractor, False)
                self.with_composite[term.extractor] = already or term.needs_composite
        used = {name: make() for name, make in (extractors or {}).items() if name in self.with_composite}
        self.extractors = nn.ModuleDict(used)

    def forward(
        self, raw: Tensor, composite: Tensor, target: Tensor, mask: Tensor, stages: Sequence[Tensor] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare an output with its target (shapes and polarity: :mod:`inlay.types`).

        Returns:
            The weighted sum (scalar), and each term by name before its weight (scalars without gradient).
        """
        features = {name: self._features(name, raw, composite, target) for name in self.extractors}
        given = LossInput(raw, composite, target, mask, features, self.std, stages)
        values = {name: term(given) for name, term in self.terms.items()}
        total = torch.stack([self.weights[name] * value.float() for name, value in values.items()]).sum()
        return total, {name: value.detach() for name, value in values.items()}

    def _features(self, name: str, raw: Tensor, composite: Tensor, target: Tensor) -> Features:
        extractor = self.extractors[name]
        with torch.no_grad():
            truth = extractor(target)
        if not self.with_composite[name]:
            return Features(raw=extractor(raw), composite={}, target=truth)
        both = {layer: level.chunk(2) for layer, level in extractor(torch.cat([raw, composite])).items()}  # one pass
        return Features({layer: b[0] for layer, b in both.items()}, {layer: b[1] for layer, b in both.items()}, truth)
