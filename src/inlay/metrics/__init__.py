"""How good a fill is, measured."""

from inlay.metrics.base import Answer, Measure, Metric
from inlay.metrics.clip_score import ClipScore
from inlay.metrics.diversity import Diversity
from inlay.metrics.fidelity import Fidelity
from inlay.metrics.hole import HoleErrors
from inlay.metrics.inception import Inception
from inlay.metrics.inpainting import InpaintingMetrics
from inlay.metrics.legacy_tdanet import LegacyTDANet
from inlay.metrics.lpips import LPIPS
from inlay.metrics.similarity import Similarity
from inlay.metrics.smoothness import Smoothness

__all__ = [
    "LPIPS",
    "Answer",
    "ClipScore",
    "Diversity",
    "Fidelity",
    "HoleErrors",
    "Inception",
    "InpaintingMetrics",
    "LegacyTDANet",
    "Measure",
    "Metric",
    "Similarity",
    "Smoothness",
]
