"""Training losses: small terms and the weighted sum that puts a paper's equation together."""

from inlay.losses.perceptual import FeatureTerm, Perceptual, Style
from inlay.losses.pixel import HoleL1, TotalVariation, ValidL1
from inlay.losses.vgg import VGG16Features
from inlay.losses.weighted_sum import WeightedSum

__all__ = ["FeatureTerm", "HoleL1", "Perceptual", "Style", "TotalVariation", "VGG16Features", "ValidL1", "WeightedSum"]
