"""The border of the program: pictures and masks come in from files here and leave here.

Inside, a picture is RGB and a mask is binary with 1 = hole. Outside there are palettes, CMYK, 16 bits, alpha, EXIF
rotation and two opinions on which color is the hole; all of that ends in this package. The metadata of a file
(:class:`Metadata`) are kept beside the pixels and written with them.
"""

from inlay.images.formats import (
    LOSSY,
    READ_HERE,
    SUFFIXES,
    Unread,
    find_images,
    log_unread,
    why_not_read,
    why_unread,
)
from inlay.images.masks import (
    USUAL_HOLE,
    MaskPolarity,
    mask_from_alpha,
    mask_of,
    photograph_warning,
    polarity_warning,
    read_mask,
    resize_mask,
)
from inlay.images.metadata import Metadata
from inlay.images.picture import Picture, is_unturned, upright
from inlay.images.reading import (
    Decoded,
    count_frames,
    count_pixels,
    decode_image,
    from_array,
    from_pil,
    log_damage,
    picture_size,
    read_image,
    read_pages,
    read_picture,
    read_pixels,
)
from inlay.images.sheets import contact_sheet, labeled, text_strip
from inlay.images.writing import check_writable, unsupported_metadata, write_pages, write_picture

__all__ = [
    "LOSSY",
    "READ_HERE",
    "SUFFIXES",
    "USUAL_HOLE",
    "Decoded",
    "MaskPolarity",
    "Metadata",
    "Picture",
    "Unread",
    "check_writable",
    "contact_sheet",
    "count_frames",
    "count_pixels",
    "decode_image",
    "find_images",
    "from_array",
    "from_pil",
    "is_unturned",
    "labeled",
    "log_damage",
    "log_unread",
    "mask_from_alpha",
    "mask_of",
    "photograph_warning",
    "picture_size",
    "polarity_warning",
    "read_image",
    "read_mask",
    "read_pages",
    "read_picture",
    "read_pixels",
    "resize_mask",
    "text_strip",
    "unsupported_metadata",
    "upright",
    "why_not_read",
    "why_unread",
    "write_pages",
    "write_picture",
]
