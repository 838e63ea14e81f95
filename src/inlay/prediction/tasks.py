"""Which picture is filled by which mask, with which text, and where the answer goes."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from inlay.errors import BadFile, InlayError
from inlay.files import read_text
from inlay.images import SUFFIXES, find_images
from inlay.prediction.request import Request

_LONGEST_TEXT = 2**20  # bytes
_LONGEST_NAME = 230  # bytes of the 255 that file systems take: temporary names are longer


@dataclass(frozen=True)
class Task:
    """One picture.

    Attributes:
        image: to be filled.
        mask: its file; None where transparency is the hole.
        outputs: a file for each sample.
        sheet: where the comparison goes; None where none was asked for.
        text: what the hole shall show.
    """

    image: Path
    mask: Path | None
    outputs: tuple[Path, ...]
    sheet: Path | None
    text: str | None

    @property
    def written(self) -> list[Path]:
        """All files that are written for it."""
        return [*self.outputs, *([self.sheet] if self.sheet else [])]


@dataclass(frozen=True)
class Tasks:
    """All that was asked for.

    Attributes:
        folder: that the answers go to; None where one picture has a file of its own.
        tasks: one a picture that can be filled.
        without_mask: pictures that have no mask.
        without_picture: masks that belong to no picture.
        without_text: pictures that have no captions, where those were asked for.
    """

    folder: Path | None
    tasks: list[Task]
    without_mask: list[Path]
    without_picture: list[Path]
    without_text: list[Path]


def find_tasks(request: Request) -> Tasks:
    """Pair pictures with masks and texts.

    Raises:
        InlayError: there are no pictures or no masks, or an answer would overwrite an input or another answer.
    """
    folder = None if _is_one_file(request) else request.output
    if folder is not None and (_looks_like_picture(folder) or folder.is_file()):
        raise InlayError(f"--output {folder}: a file, but there may be several pictures. Name a folder.")
    if folder is None and request.format != "same":
        raise InlayError(f"--format: the suffix of --output {request.output} is the format. Leave --format out.")
    if folder is not None and any(folder.resolve() == Path(each).resolve() for each in request.image):
        raise InlayError(f"--output {folder}: would overwrite an input. Name another folder.")
    images = _images(request.image, apart_from=folder)
    masks = _Masks(request)
    tasks, without_mask, without_text = [], [], []
    for image, name in images.items():
        if masks.has(image):
            continue
        mask = masks.of(name)
        if mask is None and request.mask is not None:
            without_mask.append(image)
            continue
        text = _caption(image) if request.captions else request.text
        if request.captions and text is None:
            without_text.append(image)
        tasks.append(_task(request, folder, image, name, mask, text))
    if not tasks:
        raise InlayError(
            f"--mask {request.mask}: no mask there is named as one of the {len(images)} pictures, "
            f"{without_mask[0].stem} for instance. Rename them, or name one file for all."
        )
    _check_inputs_survive(tasks)
    return Tasks(folder, tasks, without_mask, masks.unused(tasks), without_text)


def _is_one_file(request: Request) -> bool:
    """Whether a single picture was named, and a file for it."""
    (first, *more) = request.image
    return not more and not Path(first).is_dir() and not _is_pattern(first) and not _names_folder(request.output)


def _names_folder(output: Path) -> bool:
    return output.is_dir() or not output.suffix


def _images(given: Sequence[str | Path], apart_from: Path | None) -> dict[Path, Path]:
    """Every picture, and what it is called below its folder; an output folder inside of an input's is no input."""
    found: dict[Path, Path] = {}
    for each in given:
        there = {path: name for path, name in _found(each) if not _is_output(path, Path(each), apart_from)}
        if not there:
            raise InlayError(f"--image {each}: no pictures there ({', '.join(SUFFIXES)}). Check the path.")
        for path, name in there.items():
            found.setdefault(path, name)
    return found


def _is_output(path: Path, given: Path, folder: Path | None) -> bool:
    """Whether a picture lies in the output folder, and that below what was given."""
    if folder is None or given.is_file():
        return False
    root, inner = _fixed(given).resolve(), folder.resolve()
    return root in inner.parents and inner in path.resolve().parents


def _fixed(given: Path) -> Path:
    """A pattern as far as it names one folder; a folder itself."""
    return Path(*takewhile(lambda part: not glob.has_magic(part), given.parts)) if _is_pattern(given) else given


def _found(given: str | Path) -> Iterator[tuple[Path, Path]]:
    path = Path(given)
    if path.is_dir():
        yield from ((image, image.relative_to(path)) for image in find_images(path))
    elif _is_pattern(given):
        matches = (Path(match) for match in sorted(glob.glob(str(given), recursive=True)))  # noqa: PTH207 -- absolute ones, too
        yield from ((match, Path(match.name)) for match in matches if _looks_like_picture(match) and match.is_file())
    else:
        yield path, Path(path.name)


def _looks_like_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _is_pattern(given: str | Path) -> bool:
    return glob.has_magic(str(given)) and not Path(given).exists()


class _Masks:
    """Where masks come from."""

    def __init__(self, request: Request) -> None:
        self.one, self.partners = None, None
        if request.mask is None:
            return
        if not Path(request.mask).is_dir() and not _is_pattern(request.mask):
            self.one = Path(request.mask)
            return
        from inlay.masks.partners import Partners, is_named_mask  # one mask for all does without

        names = {path: PurePosixPath(name.as_posix()) for path, name in _found(request.mask)}
        if any(Path(request.mask).resolve() == Path(each).resolve() for each in request.image):
            names = {path: name for path, name in names.items() if is_named_mask(path)}  # the others are the pictures
        if not names:
            raise InlayError(f"--mask {request.mask}: no mask files there ({', '.join(SUFFIXES)}). Check the path.")
        self.partners = Partners(names, "--mask")

    def has(self, path: Path) -> bool:
        return self.partners is not None and path in self.partners.paths

    def of(self, name: Path) -> Path | None:
        return self.partners.of(name.as_posix()) if self.partners else self.one

    def unused(self, tasks: Sequence[Task]) -> list[Path]:
        used = {task.mask for task in tasks}
        return [path for path in self.partners.paths if path not in used] if self.partners else []


def _caption(image: Path) -> str | None:
    path = image.with_suffix(".txt")
    try:
        lines = read_text(path, _LONGEST_TEXT).splitlines()
    except BadFile as error:
        if not os.path.lexists(path):
            return None
        raise InlayError(f"{path}: cannot be read ({error.reason}). Captions are UTF-8 text.") from None
    return next((line.strip() for line in lines if line.strip()), None)


def _task(request: Request, folder: Path | None, image: Path, name: Path, mask: Path | None, text: str | None) -> Task:
    output = request.output if folder is None else folder / _in_format(name, request)
    samples = range(1, request.samples + 1)
    outputs = [output] if request.samples == 1 else [output.with_stem(f"{output.stem}_{n}") for n in samples]
    sheet = output.with_name(f"{output.stem}_compare.png") if request.compare else None
    task = Task(image, mask, tuple(outputs), sheet, text)
    if longest := next((path for path in task.written if len(os.fsencode(path.name)) > _LONGEST_NAME), None):
        raise InlayError(f"{longest}: a file name may have {_LONGEST_NAME} bytes. Rename {image}.")
    return task


def _in_format(name: Path, request: Request) -> Path:
    return name if request.format == "same" else name.with_suffix(f".{request.format}")


def _check_inputs_survive(tasks: Sequence[Task]) -> None:
    inputs = {path.resolve() for task in tasks for path in (task.image, task.mask) if path}
    taken: dict[Path, Path] = {}
    for task in tasks:
        for path in task.written:
            if path.resolve() in inputs:
                raise InlayError(f"--output: {path} would overwrite an input. Choose another name.")
            if (other := taken.setdefault(path.resolve(), task.image)) != task.image:
                raise InlayError(f"--output: {other} and {task.image} would both become {path}. Fill them separately.")
