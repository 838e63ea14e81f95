"""How good a fill is, measured."""

from inlay.metrics.base import FeatureExtractor, FillResult, Metric, MetricSpec, measure
from inlay.metrics.clip_score import CLIPScore
from inlay.metrics.diversity import Diversity, DiversityLPIPS
from inlay.metrics.fid_kid import InceptionFeatures
from inlay.metrics.gradients import BoundaryError, Sharpness, TotalVariation
from inlay.metrics.inpainting import HoleErrors, InpaintingMetrics
from inlay.metrics.legacy_tdanet import LegacyTDANet
from inlay.metrics.lpips import LPIPS
from inlay.metrics.pixel_errors import PixelErrors
from inlay.metrics.ssim import StructuralSimilarity

__all__ = [
    "LPIPS",
    "BoundaryError",
    "CLIPScore",
    "Diversity",
    "DiversityLPIPS",
    "FeatureExtractor",
    "FillResult",
    "HoleErrors",
    "InceptionFeatures",
    "InpaintingMetrics",
    "LegacyTDANet",
    "Metric",
    "MetricSpec",
    "PixelErrors",
    "Sharpness",
    "StructuralSimilarity",
    "TotalVariation",
    "measure",
]
