"""DeepFillv2: gated convolutions, coarse to fine, with contextual attention (Yu et al. 2019)."""

from inlay.models.gated.generator import DeepFill

__all__ = ["DeepFill"]
