"""Files that hold several pictures, pages or frames: none of them is ever taken for the whole without a warning."""

from pathlib import Path

from PIL import Image

from inlay.errors import BadFile

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255  # TIFF's tags of what a page is
_SMALLER, _TRANSPARENCY = 1, 4  # bits of the first: a smaller version of another page, the transparency of one


def places(file: Image.Image) -> list[int]:
    """The frames, as Pillow counts them, that are pictures of their own.

    Smaller versions and transparency masks of a TIFF are not, nor what a telephone adds to a JPEG (MPO): a preview, a
    gain map.
    """
    if file.format == "MPO":
        return [0]
    try:
        count = int(getattr(file, "n_frames", 1))
        return _pages(file, count) if file.format == "TIFF" and count > 1 else [*range(count)]
    except (TypeError, LookupError, ArithmeticError) as error:  # what Pillow raises as it looks for damaged pages
        raise ValueError(f"its frames cannot be counted: {error}") from error


def _pages(file: Image.Image, count: int) -> list[int]:
    here = file.tell()
    pages = [place for place in range(count) if _is_page(file, place)]
    turn(file, here)
    return pages or [0]


def check_single(file: Image.Image, name: str, remedy: str) -> None:
    """Refuse what holds several pictures, where one is wanted.

    Args:
        file: as Pillow opened it.
        name: of the file.
        remedy: what to do.

    Raises:
        BadFile: it holds several.
    """
    if (count := len(places(file))) > 1:
        kind = {"TIFF": "pages", "HEIF": "pictures"}.get(file.format or "")
        what = f"holds {count} {kind}" if kind else f"an animation of {count} frames"
        raise BadFile(name, f"{what}, where one picture is wanted. {remedy}")


def left_out(file: Image.Image) -> int:
    """How many of the frames that Pillow counts are no pictures of their own."""
    return int(getattr(file, "n_frames", 1)) - len(places(file))


def choose(path: Path, file: Image.Image, frame: int | None) -> None:
    """Turn to a frame of an opened file.

    Args:
        path: of the file.
        file: as Pillow opened it.
        frame: 1 for the first; None where there may be but one.

    Raises:
        BadFile: there is no such frame, or there are several and none was named.
    """
    if frame is None:
        remedy = "Save the one you mean as a file of its own, or choose it with frame=N."
        check_single(file, str(path), remedy)
        frame = 1
    there = places(file)
    if not 1 <= frame <= len(there):
        raise BadFile(path, f"has {len(there)} frames or pages, and no number {frame}. Choose another frame.")
    if file.tell() != there[frame - 1]:
        turn(file, there[frame - 1])


def turn(file: Image.Image, place: int) -> None:
    """Turn to a frame as Pillow counts them."""
    file.seek(place)
    if file.mode not in ("P", "PA"):
        file.palette = None  # Pillow keeps that of the page before


def _is_page(file: Image.Image, place: int) -> bool:
    file.seek(place)
    tags = getattr(file, "tag_v2", {})
    return not (tags.get(_NEW_SUBFILE_TYPE, 0) & (_SMALLER | _TRANSPARENCY) or tags.get(_SUBFILE_TYPE) == 2)
