"""Networks in pure PyTorch. Each maps ``(masked, mask)`` to ``raw``; shapes and polarity: :mod:`inlay.types`."""

from inlay.models.pconv import PConvUNet

__all__ = ["PConvUNet"]
