"""Inks to colors: a CMYK picture is turned into sRGB by the profile of its inks."""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms


def in_srgb(image: Image.Image) -> Image.Image | None:
    """A CMYK picture in sRGB, by the profile it carries and with the intent that this asks for.

    Returns:
        None where there is no profile for CMYK that can be used.
    """
    transform = _transform(bytes(image.info.get("icc_profile") or b"")) if image.mode == "CMYK" else None
    return transform.apply(image) if transform else None


def is_used(image: Image.Image) -> bool:
    """Whether :func:`in_srgb` turns this picture, so that its profile does not apply to the pixels made of it."""
    return image.mode == "CMYK" and _transform(bytes(image.info.get("icc_profile") or b"")) is not None


@lru_cache(maxsize=2)  # half a megabyte each; pictures of a folder often share one
def _transform(icc: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        if profile.profile.xcolor_space.strip() != "CMYK":
            return None
        wanted = ImageCms.Intent(ImageCms.getDefaultIntent(profile))
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "CMYK", "RGB", wanted)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
