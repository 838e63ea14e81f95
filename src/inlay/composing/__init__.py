"""A filler's answer in a picture of any size: strategies, and how they are blended in."""

from inlay.composing.compose import Filled, Job, fill_picture, fill_pictures
from inlay.composing.how import BLENDS, STRATEGIES, Blend, How, Strategy

__all__ = ["BLENDS", "STRATEGIES", "Blend", "Filled", "How", "Job", "Strategy", "fill_picture", "fill_pictures"]
