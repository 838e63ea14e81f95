"""Losses on deep features: content (perceptual) and style (Gram matrices), Liu et al. 2018, section 3.3."""

import torch
from torch import Tensor, nn

from inlay.losses.types import Features, LossInput


def feature_l1(answer: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Sum over the layers of the mean absolute difference. Scalar >= 0, lower is better.

    Args:
        answer: one ``(B, C, H, W)`` a layer.
        truth: likewise.
    """
    return torch.stack([_mean_l1(a, t) for a, t in zip(answer, truth, strict=True)]).sum()


def _mean_l1(answer: Tensor, truth: Tensor) -> Tensor:
    wide = torch.promote_types(answer.dtype, torch.float32)  # half precision would keep three digits of the mean
    return (answer - truth).abs().mean(dtype=wide)


def gram(features: Tensor) -> Tensor:
    """Gram matrix ``F F^T / (C * H * W)`` of each picture: ``(B, C, H, W)`` to ``(B, C, C)``, float32 at least.

    Scaled before it is multiplied and kept out of autocast: the unscaled product overflows half precision.
    """
    with torch.autocast(features.device.type, enabled=False):
        wide = features.to(torch.promote_types(features.dtype, torch.float32))
        flat = wide.flatten(2) * wide[0].numel() ** -0.5  # (B, C, H*W)
        product: Tensor = flat @ flat.mT
        return product


class FeatureTerm(nn.Module):
    """A term that looks at deep features; :class:`~inlay.losses.WeightedSum` computes them once for all such terms."""

    def forward(self, given: LossInput) -> Tensor:
        """Scalar loss of the answer and of the composite.

        Raises:
            ValueError: ``given`` carries no features.
        """
        if given.features is None:
            raise ValueError(f"{type(self).__name__} needs deep features; build it inside WeightedSum with vgg=...")
        return self.compare(given.features)

    def compare(self, features: Features) -> Tensor:
        """Scalar loss."""
        raise NotImplementedError


class Perceptual(FeatureTerm):
    """Content: :func:`feature_l1` of the raw answer plus that of the composite."""

    def compare(self, features: Features) -> Tensor:
        """Scalar loss."""
        return feature_l1(features.raw, features.image) + feature_l1(features.composite, features.image)


class Style(FeatureTerm):
    """Texture: :func:`feature_l1` of the Gram matrices of the raw answer plus that of the composite's."""

    def compare(self, features: Features) -> Tensor:
        """Scalar loss."""
        raw, composite, truth = ([gram(f) for f in layers] for layers in features)
        return feature_l1(raw, truth) + feature_l1(composite, truth)
