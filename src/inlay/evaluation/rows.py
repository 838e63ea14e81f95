"""What was measured, on disk: a file for each filler and shard, a line for each picture.

A run that was killed finds its lines there and goes on behind them; shards are put together from theirs.
"""

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypedDict

from inlay.errors import InlayError
from inlay.evaluation.folder import Folder
from inlay.evaluation.results import LeftOut, ProtocolIs, Row


class Head(TypedDict):
    """The first line of a file: whose numbers these are."""

    protocol: ProtocolIs
    """With empty ``samples``: nothing has been read yet."""
    pictures: int
    """How many the protocol has, all shards together."""
    filler: str
    identity: str
    """Which version of the filler."""
    place: int
    """Of the filler among those that were asked for."""
    metrics: list[dict[str, Any]]
    """What is measured: the fields of :class:`inlay.metrics.Metric`."""
    features: bool
    """Whether lines hold features, too."""
    metrics_left_out: dict[str, str]
    provenance: dict[str, Any]


class Line(TypedDict):
    """All that was measured of one picture."""

    picture: int
    rows: list[Row]
    features: dict[str, str]
    """Of each hole's answer, base64 of float32; empty without an Inception network."""
    left_out: list[LeftOut]


class Shard(NamedTuple):
    """Which part of the pictures: the ``number``-th of so many ``parts``, from 1."""

    number: int
    parts: int

    @classmethod
    def read(cls, text: str) -> Self:
        """From ``3/16``. Raises :class:`InlayError` where that is no part of a whole."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise InlayError(f"shard must be K/N with 1 <= K <= N, such as 3/16; got {text!r}.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}-of-{self.parts}"

    def of(self, pictures: int) -> list[int]:
        """Its pictures, by place."""
        return list(range(self.number - 1, pictures, self.parts))


@dataclass
class Rows:
    """The file of one filler and one shard, open for more.

    Attributes:
        path: the file.
        done: the pictures that are in it.
    """

    path: Path
    done: set[int]

    @classmethod
    def open(cls, folder: Folder, head: Head, shard: Shard) -> tuple[Self, bool]:
        """Open a file, new or half full.

        What another set of metrics left there is measured anew; the pictures that were filled stay valid.

        Returns:
            The rows, and whether pictures of this filler that lie in the folder are of this very evaluation.

        Raises:
            InlayError: the file holds another protocol's rows, or another version's of the filler.
        """
        path = folder.rows / head["filler"].replace("/", "__") / f"{shard}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        found = _whole_lines(path) if path.exists() else []
        if found:
            there: Head = json.loads(found[0])
            _refuse_others(path, there, head)
            if all(there[key] == head[key] for key in ("metrics", "features")):
                os.truncate(path, sum(map(len, found)))  # without a line that was cut off
                return cls(path, {json.loads(line)["picture"] for line in found[1:]}), True
        path.write_text(json.dumps(head) + "\n", encoding="utf-8")
        return cls(path, set()), bool(found)

    def add(self, line: Line) -> None:
        """Append what was measured of a picture."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        self.done.add(line["picture"])


def stored(columns: Mapping[str, float]) -> dict[str, float | None]:
    """Numbers as JSON has them: null where they are NaN, or a PSNR without any error."""
    return {name: value if math.isfinite(value) else None for name, value in columns.items()}


class Measured(NamedTuple):
    """All that is known of one filler."""

    heads: list[Head]
    lines: list[Line]
    """In the order of the pictures; only the first ``n`` of them where that many are not there yet."""

    @property
    def complete(self) -> bool:
        """Whether every picture of the protocol is there."""
        return len(self.lines) == self.heads[0]["pictures"]


def collect(folders: Iterable[Folder]) -> dict[str, Measured]:
    """Everything that lies in folders, by filler.

    Raises:
        InlayError: a picture was measured twice with different outcomes; or shards of one filler differ in protocol,
            version or metrics.
    """
    files: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rows.glob("*/*.jsonl")):
            files.setdefault(path.parent.name, []).append(path)
    measured = (_measured(paths) for paths in files.values())
    return {found.heads[0]["filler"]: found for found in measured if found}


def _measured(paths: Sequence[Path]) -> Measured | None:
    heads: list[Head] = []
    lines: dict[int, Line] = {}
    for path in paths:
        content = _whole_lines(path)
        if not content:
            continue  # another process is about to write its first line
        heads.append(json.loads(content[0]))
        _refuse_others(path, heads[0], heads[-1], "metrics")
        for line in map(json.loads, content[1:]):
            if lines.setdefault(line["picture"], line) != line:
                raise InlayError(
                    f"{path}: picture {line['picture']} was measured before, with other numbers. Merge runs that share "
                    "no shard, or that ran on the same kind of machine."
                )
    return Measured(heads, [lines[picture] for picture in sorted(lines)]) if heads else None


def _whole_lines(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [line for line in file if line.endswith(b"\n")]


def _refuse_others(path: Path, there: Head, here: Head, *also: Literal["metrics"]) -> None:
    for what, old, new in _differences(there, here, also):
        raise InlayError(
            f"{path}: holds rows of {what} {old}, and this is {new}: they do not belong into one table. Choose another "
            "run_dir, or remove that file."
        )


def _differences(there: Head, here: Head, also: Sequence[Literal["metrics"]]) -> Iterator[tuple[str, Any, Any]]:
    old, new = (f"{head['protocol']['name']} {head['protocol']['hash']}" for head in (there, here))
    pairs: list[tuple[str, Any, Any]] = [
        ("protocol", old, new),
        (f"{here['filler']} in its version", there["identity"], here["identity"]),
        *((what, _names(there[what]), _names(here[what])) for what in also),
    ]
    yield from (pair for pair in pairs if pair[1] != pair[2])


def _names(metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    return [metric["name"] for metric in metrics]
