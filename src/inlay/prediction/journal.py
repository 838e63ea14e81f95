"""What was done with each picture of a folder: a journal while it happens, and a report at the end."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from inlay.checkpoints.provenance import software
from inlay.errors import InlayError, unwritable
from inlay.files import alone, append, open_regular, read_text, write_text
from inlay.prediction.pairing import PredictItem, PredictPlan

JOURNAL, REPORT = "report.jsonl", "report.json"
_BEGINNING = '{"settings": '
_LOCK = ".report.lock"
_LARGEST = 2**30  # bytes of a journal


class Entry(TypedDict):
    """What became of a picture."""

    image: str
    status: Literal["started", "filled", "failed"]
    """``started``: its files may be there or not; it is filled again."""
    made_of: dict[str, Any]
    """See :func:`made_of`: what its files were made of, so that a change is noticed."""
    outputs: list[str]
    mask: NotRequired[str | None]
    text: NotRequired[str | None]
    hole_ratio: NotRequired[float]
    strategy: NotRequired[str]
    windows: NotRequired[int]
    """How often the model was asked."""
    doubts: NotRequired[list[str]]
    """What is odd about the picture, the mask or the text."""
    left_out: NotRequired[list[str]]
    """What the picture's file said and its answer's does not, and why."""
    seconds: NotRequired[float]
    """Of filling; pictures that went through together share it."""
    error: NotRequired[str]


class Journal:
    """A line for each thing that happened in a folder; several processes may write to it, and any may be killed.

    Args:
        folder: that the answers go to.
        settings: how the pictures are made, and with what; plain data.

    Raises:
        InlayError: the folder holds pictures that were made otherwise, or cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, dict(settings)
        with self._written(), alone(folder / _LOCK):
            self.entries = self._read()

    def add(self, entry: Entry) -> None:
        """Write down what happened to a picture."""
        self.entries[_place(entry["image"])] = entry
        self._append(entry)

    def is_done(self, task: PredictItem) -> bool:
        """Whether a picture was filled: from these very files, and what came of it is still there."""
        entry = self.entries.get(_place(task.image))
        return (
            entry is not None
            and entry["status"] == "filled"
            and entry["made_of"] == made_of(task)
            and all(path.exists() for path in task.written)
        )

    def check_ours(self, tasks: Sequence[PredictItem]) -> None:
        """Make sure that nothing would be overwritten but earlier answers to the same pictures.

        Raises:
            InlayError: naming the file.
        """
        owners = {_place(output): place for place, entry in self.entries.items() for output in entry["outputs"]}
        for task in tasks:
            for path in task.written:
                owner = owners.get(_place(path))
                if owner is None and path.exists():
                    raise InlayError(f"--output {self.folder}: {path} is there already. Name another folder.")
                if owner is not None and owner != _place(task.image):
                    raise InlayError(
                        f"--output {self.folder}: {path} is the answer to {owner}, not to {task.image}. Name another."
                    )

    def report(self, tasks: PredictPlan) -> Path:
        """Write ``report.json``: what is known of the pictures that were asked for, of all processes so far."""
        path = self.folder / REPORT
        with self._written(), alone(self.folder / _LOCK):
            known = self._read()
            entries = [known[place] for task in tasks.tasks if (place := _place(task.image)) in known]
            report = {
                **software(),
                "settings": self.settings,
                "count": dict(Counter(entry["status"] for entry in entries)),
                **{
                    name: [os.fspath(each) for each in getattr(tasks, name)]
                    for name in ("without_mask", "without_picture", "without_text")
                },
                "not_read": [{"file": os.fspath(path), "reason": reason} for path, reason in tasks.unread],
                "pictures": [{key: value for key, value in entry.items() if key != "made_of"} for entry in entries],
            }
            write_text(path, json.dumps(report, indent=1) + "\n")
        return path

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(f"--output {self.folder}", error) from error

    def _append(self, line: Mapping[str, Any]) -> None:
        """In one write, which other processes do not tear; what a killed one left of a line is ended first."""
        path = self.folder / JOURNAL
        with self._written():
            torn = path.exists() and path.stat().st_size > 0 and not _ends_with_line(path)
            append(path, ("\n" * torn + json.dumps(line) + "\n").encode())

    def _read(self) -> dict[str, Entry]:
        """What is written down so far; a journal that is not there, or ends in its first line, is begun."""
        path = self.folder / JOURNAL
        text = read_text(path, _LARGEST) if path.exists() else ""
        lines = [_parsed(line) for line in text.splitlines()]
        settings = next((line["settings"] for line in lines if "settings" in line), None)
        if settings is None:
            if "\n" in text or not text.startswith(_BEGINNING[: len(text)]):
                raise InlayError(f"{path}: not a journal of `inlay predict`. Name another --output.")
            self._append({"settings": self.settings})
            return {}
        self._check(settings)
        return {_place(line["image"]): Entry(**line) for line in lines if "image" in line}  # type: ignore[typeddict-item]

    def _check(self, before: Mapping[str, Any]) -> None:
        changed = [key for key in {**before, **self.settings} if before.get(key) != self.settings.get(key)]
        if changed:
            told = ", ".join(f"{key}: {before.get(key)} there, {self.settings.get(key)} now" for key in changed)
            raise InlayError(
                f"{self.folder}: holds pictures that were made otherwise ({told}). Name another --output, or remove "
                "that folder."
            )


def made_of(task: PredictItem) -> dict[str, Any]:
    """What a picture's answer depends on beside the settings: which files of which size and time, and which text."""
    return {"image": _version(task.image), "mask": _version(task.mask), "text": task.text or None}


def _version(path: Path | None) -> list[Any] | None:
    if path is None:
        return None
    try:
        stat = path.stat()
    except OSError:  # reading it will say why
        return [_place(path)]
    return [_place(path), stat.st_size, stat.st_mtime_ns]


def _place(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 -- a link stays a link


def _ends_with_line(path: Path) -> bool:
    with open_regular(path) as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _parsed(line: str) -> dict[str, Any]:
    """A line of a journal; nothing where a killed process left half of one."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
