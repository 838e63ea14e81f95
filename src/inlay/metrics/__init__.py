"""How good a fill is, measured."""

from inlay.metrics.base import FeatureExtractor, FillResult, Metric, MetricSpec, measure
from inlay.metrics.boundary_error import BoundaryError
from inlay.metrics.clip_score import CLIPScore
from inlay.metrics.diversity import Diversity, DiversityLPIPS
from inlay.metrics.hole_errors import HoleErrors
from inlay.metrics.inception import InceptionFeatures
from inlay.metrics.inpainting import InpaintingMetrics
from inlay.metrics.legacy_tdanet import LegacyTDANet
from inlay.metrics.lpips import LPIPS
from inlay.metrics.pixel_errors import PixelErrors
from inlay.metrics.ssim import StructuralSimilarity
from inlay.metrics.total_variation import TotalVariation

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
    "StructuralSimilarity",
    "TotalVariation",
    "measure",
]
