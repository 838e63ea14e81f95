"""What a run met and could not use: files that are broken, pictures that leave no hole. Nothing is dropped unseen."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from inlay.errors import BadFile


class SkippedSample(NamedTuple):
    """One thing that could not be used; another picture took its place."""

    split: str
    """Of the picture: ``train`` or ``val``, as the run uses it."""
    id: str
    """Of the picture."""
    what: Literal["picture", "mask", "hole"]
    """What was wrong: its own file, a mask's file, or the hole that a mask family found in it."""
    file: str
    """The broken file; empty for a hole."""
    reason: str


def stopping(error: BadFile) -> BadFile:
    """A bad file that stops what it is met by, with the setting that lets it go on."""
    return BadFile(error.path, f"{error.reason} To go on without such files: data.on_bad_file=skip.")


class SkippedSamples:
    """The problems of a run, each once."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str, str, str]] = set()
        self._new: list[SkippedSample] = []

    def add(self, problems: Iterable[SkippedSample]) -> None:
        """Take note. A file that is met again in a later pass is no news."""
        for problem in problems:
            if problem[:4] not in self._known:
                self._known.add(problem[:4])
                self._new.append(problem)

    def news(self) -> list[SkippedSample]:
        """What has come since the last question."""
        new, self._new = self._new, []
        return new
