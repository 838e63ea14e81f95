"""Losses on deep features: content (perceptual) and style (Gram matrices), Liu et al. 2018, section 3.3."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.losses.types import Levels, LossInput


def feature_l1(output: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean absolute difference. Scalar >= 0, lower is better.

    Args:
        output: one ``(B, C, H, W)`` per layer.
        target: features of equal shapes.
    """
    wide = torch.promote_types(output[0].dtype, torch.float32)  # half precision would keep three digits of a mean
    return torch.stack([(o - t).abs().mean(dtype=wide) for o, t in zip(output, target, strict=True)]).sum()


def gram(features: Tensor) -> Tensor:
    """Gram matrix ``F F^T / (C * H * W)`` of each image: ``(B, C, H, W)`` to ``(B, C, C)``, float32 at least.

    Scaled before it is multiplied and kept out of autocast: the unscaled product overflows half precision.
    """
    with torch.autocast(features.device.type, enabled=False):
        wide = features.to(torch.promote_types(features.dtype, torch.float32))
        flat = wide.flatten(2) * wide[0].numel() ** -0.5  # (B, C, H*W)
        product: Tensor = flat @ flat.mT
        return product


class FeatureTerm(nn.Module):
    """A term on deep features; :class:`~inlay.losses.WeightedSum` computes them once for all terms of an extractor.

    Args:
        extractor: name of the frozen network, a key of the sum's ``extractors``.
        layers: names of the layers to compare; None for all that the extractor returns.
        composite: whether the composite's features are compared, too; None for what the class says.
    """

    needs_composite: bool = True
    """Whether the composite's features are compared, too, as in Liu et al. 2018."""

    def __init__(
        self, extractor: str = "vgg", layers: Sequence[str] | None = None, composite: bool | None = None
    ) -> None:
        super().__init__()
        self.extractor = extractor
        self.layers = layers
        if composite is not None:
            self.needs_composite = composite

    def forward(self, given: LossInput) -> Tensor:
        """Scalar loss of the raw output plus, unless the term leaves it out, that of the composite."""
        raw, composite, target = (
            [self.describe(level) for level in self.chosen(levels)] for levels in given.features[self.extractor]
        )
        loss = feature_l1(raw, target)
        return loss + feature_l1(composite, target) if self.needs_composite else loss

    def describe(self, level: Tensor) -> Tensor:
        """What is compared of a layer's features ``(B, C, H, W)``: the features themselves."""
        return level

    def chosen(self, levels: Levels) -> list[Tensor]:
        """The features of the term's layers.

        Raises:
            InlayError: the extractor has no such layer.
        """
        if missing := [layer for layer in self.layers or () if levels and layer not in levels]:
            raise InlayError(f"loss.extractors.{self.extractor} has no layer {missing[0]}, but {', '.join(levels)}.")
        return [levels[layer] for layer in (self.layers or levels) if levels]


class Perceptual(FeatureTerm):
    """Content: :func:`feature_l1` of the raw output plus that of the composite."""


class Style(FeatureTerm):
    """Texture: :func:`feature_l1` of the Gram matrices of the raw output plus that of the composite's."""

    @override
    def describe(self, level: Tensor) -> Tensor:
        return gram(level)


class PerceptualL2(FeatureTerm):
    """Sum over layers of the mean squared difference between the features of the raw output and the target.

    With a dilated ResNet-50 this is the high receptive field perceptual loss of LaMa (Suvorov et al. 2022, eq. 2).

    Args:
        extractor: name of the frozen network, a key of the sum's ``extractors``.
        layers: names of the layers to compare; None for all that the extractor returns.
        known_only: whether features count by the share of known pixels they lie on; means are over all.
    """

    needs_composite = False

    def __init__(
        self, extractor: str = "resnet", layers: Sequence[str] | None = None, known_only: bool = False
    ) -> None:
        super().__init__(extractor, layers)
        self.known_only = known_only

    @override
    def forward(self, given: LossInput) -> Tensor:
        features = given.features[self.extractor]
        pairs = zip(self.chosen(features.raw), self.chosen(features.target), strict=True)
        return torch.stack([self._error(raw, target, given.mask) for raw, target in pairs]).sum()

    def _error(self, raw: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        wide = torch.promote_types(raw.dtype, torch.float32)
        error = (raw.to(wide) - target.to(wide)).square()
        if self.known_only:
            error = error * F.interpolate(1 - mask, error.shape[-2:], mode="bilinear").to(error.dtype)
        return error.mean()
