"""Critics that are used and not trained: does a picture show what its caption says?"""

from inlay.text_image.base import Matcher
from inlay.text_image.clip import CLIPMatcher
from inlay.text_image.damsm import DAMSMMatcher

__all__ = ["CLIPMatcher", "DAMSMMatcher", "Matcher"]
