"""The partial-convolution U-Net (Liu et al. 2018)."""

from inlay.models.pconv.unet import PConvUNet

__all__ = ["PConvUNet"]
