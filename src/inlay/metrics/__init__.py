"""How good a fill is, measured."""

from inlay.metrics.base import FillResult, Metric, MetricSpec
from inlay.metrics.clip_score import ClipScore
from inlay.metrics.diversity import Diversity
from inlay.metrics.hole_errors import HoleErrors
from inlay.metrics.inception import Inception
from inlay.metrics.inpainting import InpaintingMetrics
from inlay.metrics.legacy_tdanet import LegacyTDANet
from inlay.metrics.lpips import LPIPS
from inlay.metrics.psnr_l1 import Fidelity
from inlay.metrics.similarity import Similarity
from inlay.metrics.total_variation import Smoothness

__all__ = [
    "LPIPS",
    "ClipScore",
    "Diversity",
    "Fidelity",
    "FillResult",
    "HoleErrors",
    "Inception",
    "InpaintingMetrics",
    "LegacyTDANet",
    "Metric",
    "MetricSpec",
    "Similarity",
    "Smoothness",
]
