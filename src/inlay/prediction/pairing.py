"""Pairs each picture with its mask, its text, its reference picture and its output files."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from inlay.errors import BadFile, InlayError
from inlay.files import found, lines_of, open_regular, walk, without_controls
from inlay.images import READ_HERE, SUFFIXES, Unread, find_images, why_not_read
from inlay.prediction.request import Request

_LONGEST_TEXT = 2**20  # bytes
_LONGEST_NAME = 230  # bytes of the 255 that file systems take: temporary names are longer


@dataclass(frozen=True)
class PredictItem:
    """The files of one picture.

    Attributes:
        image: to be filled.
        mask: its mask; None where the hole comes from elsewhere.
        outputs: a file for each sample.
        sheet: the comparison; None for none.
        text: what the hole shall show.
        text_warnings: what is odd about the file that the text is from, one sentence each.
        text_fault: why that file cannot be read; then the picture is not filled.
        reference: a picture to take content from.
    """

    image: Path
    mask: Path | None
    outputs: tuple[Path, ...]
    sheet: Path | None
    text: str | None
    text_warnings: tuple[str, ...] = ()
    text_fault: str = ""
    reference: Path | None = None

    @property
    def written(self) -> list[Path]:
        """All files that are written for it."""
        return [*self.outputs, *([self.sheet] if self.sheet else [])]


@dataclass(frozen=True)
class PredictPlan:
    """All pictures of a request."""

    folder: Path | None
    """Of the output; None where one picture has a file of its own."""
    items: list[PredictItem]
    without_mask: list[Path]
    without_picture: list[Path]
    """Masks that belong to no picture."""
    without_text: list[Path]
    """Pictures that have no captions, where ``captions`` is set."""
    unread: list[Unread]
    """Files in the folders of pictures and masks that look like pictures, and are not read."""


def find_items(request: Request) -> PredictPlan:
    """Pair pictures with masks, texts and reference pictures.

    Raises:
        InlayError: there are no pictures or no masks, a picture has no reference, or an output would overwrite an input
            or another output.
    """
    folder = None if _is_one_file(request) else request.output
    if folder is not None and (_looks_like_picture(folder) or folder.is_file()):
        raise InlayError(f"--output {folder}: a file, but there may be several pictures. Name a folder.")
    if folder is None and request.format != "same":
        raise InlayError(f"--format: the suffix of --output {request.output} is the format. Leave --format out.")
    if folder is not None and any(folder.resolve() == Path(each).resolve() for each in request.image):
        raise InlayError(f"--output {folder}: would overwrite an input. Name another folder.")
    images, unread = _images(request.image, apart_from=folder)
    masks, references = _Partners("--mask", request.mask, request.image), _Partners("--reference", request.reference)
    items, without_mask, without_text = [], [], []
    for image, name in images.items():
        if masks.has(image):
            continue
        mask = masks.of(name)
        if mask is None and request.mask is not None:
            without_mask.append(image)
            continue
        reference = references.of(name)
        if reference is None and request.reference is not None:
            raise InlayError(f"--reference {request.reference}: none there is named as {image}. Add it.")
        text, doubts, fault = caption_of(image) if request.captions else (request.text, (), "")
        if request.captions and text is None and not fault:
            without_text.append(image)
        outputs, sheet = _outputs(request, request.output if folder is None else folder / _in_format(name, request))
        item = PredictItem(image, mask, outputs, sheet, text, doubts, fault, reference)
        if longest := next((path for path in item.written if len(os.fsencode(path.name)) > _LONGEST_NAME), None):
            raise InlayError(f"{longest}: a file name may have {_LONGEST_NAME} bytes. Rename {image}.")
        items.append(item)
    if not items:
        raise InlayError(
            f"--mask {request.mask}: no mask there is named as one of the {len(images)} pictures, "
            f"{without_mask[0].stem} for instance. Rename them, or name one file for all."
        )
    _check_inputs_survive(items)
    return PredictPlan(folder, items, without_mask, masks.unused(items), without_text, [*unread, *masks.unread])


def _is_one_file(request: Request) -> bool:
    """Whether a single picture was named, and a file for it."""
    (first, *more) = request.image
    names_file = bool(request.output.suffix) and not request.output.is_dir()
    return names_file and not more and not Path(first).is_dir() and not _is_pattern(first)


def _images(given: Sequence[str | Path], apart_from: Path | None) -> tuple[dict[Path, Path], list[Unread]]:
    """Every picture, and its path below its folder; an output folder inside of an input's is no input."""
    found: dict[Path, Path] = {}
    unread: dict[Path, Unread] = {}
    for each in given:
        there, lost = _found(each)
        mine = {path: name for path, name in there if not _is_output(path, Path(each), apart_from)}
        if not mine:
            why = f" {lost[0].path}: {lost[0].reason}" if lost else " Check the path."
            raise InlayError(f"--image {each}: no pictures there ({READ_HERE}).{why}")
        for path, name in mine.items():
            found.setdefault(path, name)
        unread |= {one.path: one for one in lost if not _is_output(one.path, Path(each), apart_from)}
    return found, list(unread.values())


def _is_output(path: Path, given: Path, folder: Path | None) -> bool:
    """Whether a file lies in the output folder while what was given does not, below it or behind a link."""
    if folder is None or given.is_file():
        return False
    if _is_pattern(given):  # as far as it names one folder
        given = Path(*takewhile(lambda part: not glob.has_magic(part), given.parts))
    root, output = given.resolve(), folder.resolve()
    return output not in (root, *root.parents) and output in path.resolve().parents


def _found(given: str | Path) -> tuple[list[tuple[Path, Path]], list[Unread]]:
    """The pictures of a path or a pattern with their names; and those that cannot be read."""
    path = Path(given)
    if path.is_dir():
        pictures, unread = find_images(path)
        return [(image, image.relative_to(path)) for image in pictures], unread
    if not _is_pattern(given):
        return [(path, Path(path.name))], []
    matches = [match for match in sorted(_matches(str(given))) if not match.is_dir()]
    lost = [Unread(match, why) for match in matches if (why := why_not_read(found(match), Path()))]
    known = {match for match, _ in lost}
    return [(match, Path(match.name)) for match in matches if _looks_like_picture(match) and match not in known], lost


def _matches(pattern: str) -> set[Path]:
    """Match a pattern; ``**`` stands for the folders that a walk enters, so that links may lead in a circle."""
    head, recursive, rest = pattern.partition("**")
    if not recursive or (head and not head.endswith(("/", os.sep))) or (rest and not rest.startswith(("/", os.sep))):
        return {Path(match) for match in glob.glob(pattern)}  # noqa: PTH207 -- absolute ones, too
    tops = [Path(match) for match in glob.glob(head)] if head else [Path()]  # noqa: PTH207
    folders = [top / below for top in tops for below in ("", *(one.path for one in walk(top) if one.kind == "folder"))]
    return {match for folder in folders for match in _matches(f"{glob.escape(str(folder))}/{rest[1:] or '*'}")}


def _looks_like_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _is_pattern(given: str | Path) -> bool:
    return glob.has_magic(str(given)) and not Path(given).exists()


class _Partners:
    """Masks or reference pictures: one file for all pictures, or a folder or pattern of files named as the pictures."""

    def __init__(self, option: str, given: str | Path | None, images: Sequence[str | Path] = ()) -> None:
        self.one, self.partners = None, None
        self.unread: list[Unread] = []
        if given is None:
            return
        if not Path(given).is_dir() and not _is_pattern(given):
            self.one = Path(given)
            return
        from inlay.masks.paired import Partners, is_named_mask  # one file for all does without

        there, self.unread = _found(given)
        names = {path: PurePosixPath(name.as_posix()) for path, name in there}
        if any(Path(given).resolve() == Path(each).resolve() for each in images):
            names = {path: name for path, name in names.items() if is_named_mask(path)}  # the others are the pictures
            self.unread = []  # those of the pictures are the same files
        if not names:
            raise InlayError(f"{option} {given}: no {option[2:]} files there ({READ_HERE}). Check the path.")
        self.partners = Partners(names, option)

    def has(self, path: Path) -> bool:
        return self.partners is not None and path in self.partners.paths

    def of(self, name: Path) -> Path | None:
        return self.partners.of(name.as_posix()) if self.partners else self.one

    def unused(self, items: Sequence[PredictItem]) -> list[Path]:
        used = {item.mask for item in items}
        return [path for path in self.partners.paths if path not in used] if self.partners else []


def caption_of(image: Path) -> tuple[str | None, tuple[str, ...], str]:
    """The text beside a picture, what is odd about its file, and why that cannot be read."""
    path = image.with_suffix(".txt")
    odd: list[str] = []
    try:
        lines = lines_of(open_regular(path, _LONGEST_TEXT), _LONGEST_TEXT, odd.append)
        text, controls = without_controls("".join(lines))
    except (BadFile, OSError) as error:
        reason = f"{path}: cannot be read ({getattr(error, 'reason', error)}). Mend or remove it."
        return None, (), reason if os.path.lexists(path) else ""
    if controls:
        odd.append(f"{controls:,} control characters were dropped.")
    line = next((line.strip() for line in text.splitlines() if line.strip()), None)
    return line, tuple(f"{path}: {what}" for what in odd), ""


def _outputs(request: Request, output: Path) -> tuple[tuple[Path, ...], Path | None]:
    """A file for each sample, and the comparison."""
    samples = range(1, request.samples + 1)
    outputs = [output] if request.samples == 1 else [output.with_stem(f"{output.stem}_{n}") for n in samples]
    return tuple(outputs), output.with_name(f"{output.stem}_compare.png") if request.compare else None


def _in_format(name: Path, request: Request) -> Path:
    if request.format == "same":
        return name.with_suffix(".png") if name.suffix.lower() == ".gif" else name  # 256 colors hold no prediction
    return name.with_suffix(f".{request.format}")


def _check_inputs_survive(items: Sequence[PredictItem]) -> None:
    inputs = {path.resolve() for item in items for path in (item.image, item.mask, item.reference) if path}
    taken: dict[Path, Path] = {}
    for item in items:
        for path in item.written:
            if path.resolve() in inputs:
                raise InlayError(f"--output: {path} would overwrite an input. Choose another name.")
            if (other := taken.setdefault(path.resolve(), item.image)) != item.image:
                raise InlayError(f"--output: {other} and {item.image} would both become {path}. Fill them separately.")
