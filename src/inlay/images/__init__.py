"""The border of the program: pictures and masks come in from files here and leave here.

Inside, a picture is RGB and a mask is binary with 1 = hole. Outside there are palettes, CMYK, 16 bits, alpha, EXIF
rotation and two opinions on which color is the hole; all of that ends in this package. What a file says of its picture
(:class:`Metadata`) travels with the pixels and leaves with them.
"""

from inlay.images.finding import Images, Unread, find_images, tell_unread, why_not_read
from inlay.images.formats import LOSSY, READ_HERE, SUFFIXES, why_unread
from inlay.images.masks import (
    USUAL_HOLE,
    MaskPolarity,
    alpha_hole,
    mask_of,
    photograph_doubt,
    polarity_doubt,
    read_mask,
    resize_mask,
)
from inlay.images.metadata import JpegCoding, Metadata
from inlay.images.opening import MAX_PIXELS
from inlay.images.picture import Picture, is_unturned, upright
from inlay.images.reading import (
    Decoded,
    count_frames,
    count_pixels,
    decode_image,
    from_pil,
    of_numbers,
    picture_size,
    read_image,
    read_pages,
    read_picture,
    read_pixels,
    tell_damage,
)
from inlay.images.sheets import contact_sheet, labeled, written
from inlay.images.writing import check_writable, not_held, write_pages, write_picture

__all__ = [
    "LOSSY",
    "MAX_PIXELS",
    "READ_HERE",
    "SUFFIXES",
    "USUAL_HOLE",
    "Decoded",
    "Images",
    "JpegCoding",
    "MaskPolarity",
    "Metadata",
    "Picture",
    "Unread",
    "alpha_hole",
    "check_writable",
    "contact_sheet",
    "count_frames",
    "count_pixels",
    "decode_image",
    "find_images",
    "from_pil",
    "is_unturned",
    "labeled",
    "mask_of",
    "not_held",
    "of_numbers",
    "photograph_doubt",
    "picture_size",
    "polarity_doubt",
    "read_image",
    "read_mask",
    "read_pages",
    "read_picture",
    "read_pixels",
    "resize_mask",
    "tell_damage",
    "tell_unread",
    "upright",
    "why_not_read",
    "why_unread",
    "write_pages",
    "write_picture",
    "written",
]
