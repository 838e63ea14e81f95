"""Critics that are used and not trained: does a picture show what its caption says?"""

from inlay.text_image.base import TextImageModel
from inlay.text_image.clip import CLIPTextImage
from inlay.text_image.damsm import DAMSMTextImage

__all__ = ["CLIPTextImage", "DAMSMTextImage", "TextImageModel"]
