"""``report.json``: what was done with each picture of a folder, and what a second start need not do again."""

import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from inlay.cache import alone
from inlay.errors import InlayError
from inlay.provenance import software

REPORT = "report.json"
_EVERY = 5.0
"""Seconds between two times that the file is written."""

Status = Literal["filled", "found", "failed", "no mask"]


class Entry(TypedDict):
    """What became of a picture."""

    image: str
    status: Status
    """``found``: its files lay in the folder, and no report said more of them."""
    mask: NotRequired[str | None]
    outputs: NotRequired[list[str]]
    hole_ratio: NotRequired[float]
    strategy: NotRequired[str]
    windows: NotRequired[int]
    """How often the model was asked."""
    text: NotRequired[str]
    doubts: NotRequired[list[str]]
    """What is odd about the mask or the text."""
    seconds: NotRequired[float]
    """From the pixels to the filled pixels; pictures that went through together share it."""
    error: NotRequired[str]


class Report:
    """The report of a folder, which several processes may write to.

    Args:
        folder: that the answers go to; made if need be.
        settings: how the pictures are made, with what; plain data.

    Attributes:
        is_new: whether there was none before.
        before: what an earlier start wrote, by picture.
        waiting: what is not written yet, by picture.

    Raises:
        InlayError: the folder holds pictures that were made otherwise, or cannot be written.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.path, self.settings = folder / REPORT, settings
        self.waiting: dict[str, Entry] = {}
        self._written = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            known = self._read()
        if known is not None:
            self._check(known["settings"])
        self.is_new = known is None
        self.before: dict[str, Entry] = {entry["image"]: entry for entry in known["pictures"]} if known else {}

    def add(self, entry: Entry) -> None:
        """Note what became of a picture; the file is written every few seconds."""
        self.waiting[entry["image"]] = entry
        if time.monotonic() - self._written > _EVERY:
            self.write()

    def write(self, **more: Sequence[Path]) -> None:
        """Bring the file up to date; what other processes wrote stays.

        Args:
            more: what else to list, such as masks without picture.
        """
        with self._alone():
            known = self._read() or {"pictures": []}
            pictures = {entry["image"]: entry for entry in known["pictures"]} | self.waiting
            ordered = [pictures[image] for image in sorted(pictures)]
            report = {
                **software(),
                "settings": self.settings,
                **{name: [os.fspath(path) for path in paths] for name, paths in more.items()},
                "count": dict(Counter(entry["status"] for entry in ordered)),
                "pictures": ordered,
            }
            temporary = self.path.with_name(f".{REPORT}.{os.getpid()}")
            temporary.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            temporary.replace(self.path)
        self.waiting, self._written = {}, time.monotonic()

    def _alone(self) -> Any:
        return alone(self.path.with_name(f".{REPORT}.lock"))

    def _read(self) -> dict[str, Any] | None:
        try:
            report = json.loads(self.path.read_text(encoding="utf-8"))
            assert isinstance(report["settings"], dict)
            assert isinstance(report["pictures"], list)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AssertionError):
            raise InlayError(
                f"{self.path}: not a report of predict.py. Name another --output, or remove the file."
            ) from None
        else:
            return dict(report)

    def _check(self, before: dict[str, Any]) -> None:
        changed = [key for key in {**before, **self.settings} if before.get(key) != self.settings.get(key)]
        if changed:
            told = ", ".join(f"{key}: {before.get(key)} there, {self.settings.get(key)} now" for key in changed)
            raise InlayError(
                f"{self.path.parent}: holds pictures that were made otherwise ({told}). Name another --output, or "
                "remove that folder."
            )
