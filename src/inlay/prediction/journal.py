"""The journal of a folder of pictures, written while they are filled, and the report at the end."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from inlay.checkpoints.provenance import software
from inlay.errors import InlayError, unwritable
from inlay.files import append, file_lock, open_regular, read_text, write_text
from inlay.prediction.pairing import PredictItem, PredictPlan

JOURNAL, REPORT = "report.jsonl", "report.json"
_BEGINNING = '{"settings": '
_LOCK = ".report.lock"
_LARGEST = 2**30  # bytes of a journal


class Entry(TypedDict):
    """What became of a picture."""

    image: str
    status: Literal["started", "filled", "failed"]  # started: its files may be there or not; it is filled again
    made_of: dict[str, Any]  # so that a change is noticed
    outputs: list[str]
    mask: NotRequired[str | None]
    text: NotRequired[str | None]
    hole_ratio: NotRequired[float]
    strategy: NotRequired[str]
    windows: NotRequired[int]  # that the model was shown
    warnings: NotRequired[list[str]]  # what is odd about the picture, the mask or the text
    notes: NotRequired[list[str]]  # what was done to the mask, and which metadata the written file does not have
    seconds: NotRequired[float]  # of filling, the mean over pictures that were filled together
    error: NotRequired[str]


class Journal:
    """One line per event in a folder; several processes may write to it, and any may be killed.

    Raises:
        InlayError: the folder holds pictures that were made with other settings, or cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, dict(settings)
        with self._written(), file_lock(folder / _LOCK):
            self.entries = self._read()

    def add(self, entry: Entry) -> None:
        """Write an event."""
        self.entries[_place(entry["image"])] = entry
        self._append(entry)

    def is_done(self, item: PredictItem) -> bool:
        """Whether a picture was filled from these very files, and its outputs are still there."""
        entry = self.entries.get(_place(item.image))
        return (
            entry is not None
            and entry["status"] == "filled"
            and entry["made_of"] == made_of(item)
            and all(path.exists() for path in item.written)
        )

    def check_ours(self, items: Sequence[PredictItem]) -> None:
        """Make sure that nothing is overwritten but earlier outputs of the same pictures."""
        owners = {_place(output): place for place, entry in self.entries.items() for output in entry["outputs"]}
        for item in items:
            for path in item.written:
                owner = owners.get(_place(path))
                if owner is None and path.exists():
                    raise InlayError(f"--output {self.folder}: {path} is there already. Name another folder.")
                if owner is not None and owner != _place(item.image):
                    raise InlayError(
                        f"--output {self.folder}: {path} was made of {owner}, not to {item.image}. Name another."
                    )

    def report(self, plan: PredictPlan) -> Path:
        """Write ``report.json``: the last event of each picture, of all processes so far."""
        path = self.folder / REPORT
        with self._written(), file_lock(self.folder / _LOCK):
            known = self._read()
            entries = [known[place] for item in plan.items if (place := _place(item.image)) in known]
            report = {
                **software(),
                "settings": self.settings,
                "count": dict(Counter(entry["status"] for entry in entries)),
                **{
                    name: [os.fspath(each) for each in getattr(plan, name)]
                    for name in ("without_mask", "without_picture", "without_text")
                },
                "not_read": [{"file": os.fspath(path), "reason": reason} for path, reason in plan.unread],
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
        """Append in one write, which other processes do not tear; an unfinished line of a killed one is ended first."""
        path = self.folder / JOURNAL
        with self._written():
            torn = False
            if path.exists() and path.stat().st_size > 0:
                with open_regular(path) as file:
                    file.seek(-1, os.SEEK_END)
                    torn = file.read(1) != b"\n"
            append(path, ("\n" * torn + json.dumps(line) + "\n").encode())

    def _read(self) -> dict[str, Entry]:
        """The last event of each picture; a journal that is not there, or ends in its first line, is begun."""
        path = self.folder / JOURNAL
        text = read_text(path, _LARGEST) if path.exists() else ""
        lines = [_parsed(line) for line in text.splitlines()]
        settings = next((line["settings"] for line in lines if "settings" in line), None)
        if settings is None:
            if "\n" in text or not text.startswith(_BEGINNING[: len(text)]):
                raise InlayError(f"{path}: not a journal of `inlay predict`. Name another --output.")
            self._append({"settings": self.settings})
            return {}
        pairs = {key: (settings.get(key), self.settings.get(key)) for key in {**settings, **self.settings}}
        if changed := [f"{key}: {old} there, {new} now" for key, (old, new) in pairs.items() if old != new]:
            raise InlayError(
                f"{self.folder}: holds pictures made with other settings ({', '.join(changed)}). Name another "
                "--output, or remove that folder."
            )
        return {_place(line["image"]): Entry(**line) for line in lines if "image" in line}  # type: ignore[typeddict-item]


def made_of(item: PredictItem) -> dict[str, Any]:
    """Inputs of a picture beside the settings: path, size and time of its files, and its text."""
    files = {"image": item.image, "mask": item.mask, "reference": item.reference}
    return {**{name: _version(path) for name, path in files.items()}, "text": item.text or None}


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


def _parsed(line: str) -> dict[str, Any]:
    """A line of a journal; empty where a killed process left half of one."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
