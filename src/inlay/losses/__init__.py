"""Training losses: small terms, and the weighted sums that put a paper's equation together."""

from inlay.losses.adversarial import AdversarialLoss, Hinge, LeastSquares, discriminator_loss, r1_penalty
from inlay.losses.contrastive import MatchingLoss
from inlay.losses.perceptual import FeatureTerm, Perceptual, Style
from inlay.losses.pixel import HoleL1, TotalVariation, ValidL1
from inlay.losses.two_paths import Scores, TwoPathLoss
from inlay.losses.vgg import VGG16Features
from inlay.losses.weighted_sum import WeightedSum

__all__ = [
    "AdversarialLoss",
    "FeatureTerm",
    "Hinge",
    "HoleL1",
    "LeastSquares",
    "MatchingLoss",
    "Perceptual",
    "Scores",
    "Style",
    "TotalVariation",
    "TwoPathLoss",
    "VGG16Features",
    "ValidL1",
    "WeightedSum",
    "discriminator_loss",
    "r1_penalty",
]
