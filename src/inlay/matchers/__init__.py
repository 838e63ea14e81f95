"""Critics that are used and not trained: does a picture show what its caption says?"""

from inlay.matchers.base import Matcher
from inlay.matchers.clip import CLIPMatcher
from inlay.matchers.damsm import DAMSMMatcher

__all__ = ["CLIPMatcher", "DAMSMMatcher", "Matcher"]
