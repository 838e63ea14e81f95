"""Samples that a run skipped: files that are broken, pictures without a usable hole. Nothing is dropped unseen."""

from collections.abc import Iterable
from typing import NamedTuple

from inlay.errors import BadFile


class SkippedSample(NamedTuple):
    """One thing that could not be used; another picture took its place."""

    split: str
    """Of the picture: ``train`` or ``val``, as the run uses it."""
    id: str
    """Of the picture."""
    what: str
    """What is wrong: ``picture`` (its own file), ``mask``, ``target`` (the file of a part of the sample), ``hole``."""
    file: str
    """The broken file; empty where none is."""
    reason: str


def stopping(error: BadFile) -> BadFile:
    """The error of a bad file that stops a run, with the setting that lets it go on."""
    return BadFile(error.path, f"{error.reason} To go on without such files: data.on_bad_file=skip.")


def missing(split: str, id: str, key: str, reason: str) -> SkippedSample:
    """A picture that has no such part of a sample; without a mask it is listed as one without a hole."""
    return SkippedSample(split, id, "hole" if key == "mask" else key, "", reason)


class SkippedSamples:
    """The skipped samples of a run, each once."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str, str, str]] = set()
        self._new: list[SkippedSample] = []

    def add(self, samples: Iterable[SkippedSample]) -> None:
        """Note samples; what is noted already, in an earlier pass over the data, is left out."""
        for sample in samples:
            if sample[:4] not in self._known:
                self._known.add(sample[:4])
                self._new.append(sample)

    def drain(self) -> list[SkippedSample]:
        """Hand out what was noted since the last call."""
        new, self._new = self._new, []
        return new
