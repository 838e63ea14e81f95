"""Training losses: small terms, and the weighted sums that put a paper's equation together."""

from inlay.losses.adversarial import OBJECTIVES, feature_matching, hinge, least_squares, non_saturating, r1_penalty
from inlay.losses.contrastive import MatchingLoss
from inlay.losses.distillation import Distillation
from inlay.losses.patch_labels import patch_labels
from inlay.losses.perceptual import FeatureTerm, Perceptual, PerceptualL2, Style
from inlay.losses.pixel import CoarseL1, HoleL1, TotalVariationLoss, ValidL1
from inlay.losses.resnet import ResNet50Features
from inlay.losses.two_paths import PatchScores, TwoPathLoss
from inlay.losses.vgg import VGG16Features, VGG19Features
from inlay.losses.weighted_sum import WeightedSum

__all__ = [
    "OBJECTIVES",
    "CoarseL1",
    "Distillation",
    "FeatureTerm",
    "HoleL1",
    "MatchingLoss",
    "PatchScores",
    "Perceptual",
    "PerceptualL2",
    "ResNet50Features",
    "Style",
    "TotalVariationLoss",
    "TwoPathLoss",
    "VGG16Features",
    "VGG19Features",
    "ValidL1",
    "WeightedSum",
    "feature_matching",
    "hinge",
    "least_squares",
    "non_saturating",
    "patch_labels",
    "r1_penalty",
]
