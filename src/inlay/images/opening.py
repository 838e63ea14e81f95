"""Picture files are opened at one of their frames, and whatever is wrong with one is a ``BadFile``.

Of a file that holds several pictures, none is ever taken for the whole without a warning.
"""

import os
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from inlay.errors import BadFile
from inlay.images.formats import READ_HERE, of_content, of_pillow, why_unread

MAX_PIXELS = 150_000_000
"""Larger pictures are refused by default."""

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255  # TIFF's tags of what a page is
_SMALLER, _TRANSPARENCY = 1, 4  # bits of the first: a smaller version of another page, the transparency of one


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
            _choose(path, file, frame)
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
        other = "" if empty else why_unread(path.name)
        if not other and of_content(path) == "TIFF":
            other = (
                "a TIFF of a kind that is not read (floats or 32 bits a color), or damaged. Save it with 8 or 16 bits."
            )
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


def places(file: Image.Image) -> list[int]:
    """The frames, as Pillow counts them, that are pictures of their own.

    Smaller versions and transparency masks of a TIFF are not, nor what a telephone adds to a JPEG (MPO): a preview, a
    gain map.
    """
    if file.format == "MPO":
        return [0]
    here = file.tell()
    try:
        count = int(getattr(file, "n_frames", 1))
        if file.format != "TIFF" or count == 1:
            return [*range(count)]
        pages = [place for place in range(count) if _is_page(file, place)]
        _turn(file, here)
        return pages or [0]
    except (TypeError, LookupError, ArithmeticError) as error:  # what Pillow raises as it looks for damaged pages
        raise ValueError(f"its frames cannot be counted: {error}") from error


def check_single(file: Image.Image, name: str, remedy: str) -> None:
    """Raise :class:`BadFile`, which says what to do, for a file that holds several pictures."""
    if (count := len(places(file))) > 1:
        kind = {"TIFF": "pages", "HEIF": "pictures"}.get(file.format or "")
        what = f"holds {count} {kind}" if kind else f"an animation of {count} frames"
        raise BadFile(name, f"{what}, where one picture is wanted. {remedy}")


def _choose(path: Path, file: Image.Image, frame: int | None) -> None:
    """Turn to a frame, from 1; without a number there may be but one."""
    if frame is None:
        remedy = "Save the one you mean as a file of its own, or choose it with frame=N."
        check_single(file, str(path), remedy)
        frame = 1
    there = places(file)
    if not 1 <= frame <= len(there):
        raise BadFile(path, f"has {len(there)} frames or pages, and no number {frame}. Choose another frame.")
    if file.tell() != there[frame - 1]:
        _turn(file, there[frame - 1])


def _turn(file: Image.Image, place: int) -> None:
    file.seek(place)
    if file.mode not in ("P", "PA"):
        file.palette = None  # Pillow keeps that of the page before


def _is_page(file: Image.Image, place: int) -> bool:
    file.seek(place)
    tags = getattr(file, "tag_v2", {})
    return not (tags.get(_NEW_SUBFILE_TYPE, 0) & (_SMALLER | _TRANSPARENCY) or tags.get(_SUBFILE_TYPE) == 2)
