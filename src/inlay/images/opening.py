"""Picture files are opened, and whatever is wrong with one is a :class:`~inlay.errors.BadFile`."""

import os
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from inlay.errors import BadFile
from inlay.images.formats import READ_HERE, of_pillow, why_unread
from inlay.images.frames import choose

MAX_PIXELS = 150_000_000
"""Larger pictures are refused by default."""


@contextmanager
def opened(path: str | os.PathLike[str], max_pixels: int, frame: int | None = None) -> Iterator[ImageFile.ImageFile]:
    """A picture file whose head was read; whatever goes wrong with it, also later, is a :class:`BadFile`."""
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a pipe would wait for ever
            raise BadFile(path, "neither a file nor a folder. Name a picture.")
        # A handle, not the path: what Pillow can map into memory by name it garbles where a TIFF is turned.
        with quiet(), path.open("rb") as handle, Image.open(handle, formats=of_pillow(path, handle)) as file:
            assert isinstance(file, ImageFile.ImageFile)
            choose(path, file, frame)
            if file.width * file.height > max_pixels:
                size = f"{file.width}x{file.height}"
                raise BadFile(path, f"{size} is more than {max_pixels:,} pixels. Shrink the picture first.")
            yield file
    except FileNotFoundError:
        lost = " (a link that leads nowhere)" if path.is_symlink() else ""
        raise BadFile(path, f"no such file{lost}. Check the path.") from None
    except Image.DecompressionBombError:
        raise BadFile(path, f"more than {max_pixels:,} pixels. Shrink the picture first.") from None
    except UnidentifiedImageError:
        empty = " (the file is empty)" if not path.stat().st_size else ""
        other = "" if empty else why_unread(path.name) or _odd_tiff(path)
        raise BadFile(path, other or f"not a picture{empty}. Inlay reads {READ_HERE}.") from None
    except PermissionError:
        raise BadFile(path, "reading it is not allowed. Change its permissions.") from None
    except IsADirectoryError:
        raise BadFile(path, "a folder, not a picture. Name one file.") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:  # what Pillow raises on damaged files
        if "MAX_TEXT" in str(error):
            raise BadFile(path, "a text in it unpacks to more than a megabyte. Save it without its texts.") from None
        raise BadFile(path, f"cannot be read ({error}). The file is damaged; replace or remove it.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings: our own limit decides on sizes, and what is lost of the metadata is logged by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        yield


def _odd_tiff(path: Path) -> str:
    """Why a TIFF is not read that Pillow does not know; empty for what is none."""
    with path.open("rb") as file:
        if file.read(4) not in (b"II*\0", b"MM\0*"):
            return ""
    return "a TIFF of a kind that is not read (floats or 32 bits a color), or damaged. Save it with 8 or 16 bits."
