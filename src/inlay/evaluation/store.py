"""What was measured, on disk: a file for each filler and shard, a line for each picture.

A run that was killed finds its lines there and goes on behind them; shards are put together from theirs.
"""

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, TypedDict, cast

from inlay.errors import InlayError
from inlay.evaluation.folder import Folder, file_name
from inlay.evaluation.results import LeftOut, ProtocolIs, Row
from inlay.files import append, open_regular, write_text


class ShardHeader(TypedDict):
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
    """What is measured: the fields of :class:`inlay.metrics.MetricSpec`."""
    features: bool
    """Whether lines hold features, too."""
    weights: dict[str, str]
    """Which versions of networks are looked through."""
    metrics_left_out: dict[str, str]
    provenance: dict[str, Any]


class SampleRecord(TypedDict):
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
class ShardFile:
    """The file of one filler and one shard, open for more.

    Attributes:
        path: the file.
        done: the pictures that are in it.
    """

    path: Path
    done: set[int]

    @classmethod
    def open(cls, folder: Folder, head: ShardHeader, shard: Shard, pictures: set[int]) -> tuple[Self, bool]:
        """Open a file, new or half full.

        What fewer metrics left there is measured anew; the pictures that were filled stay valid. What was measured with
        more than is asked for now is kept.

        Args:
            folder: of the evaluation.
            head: what the file's first line shall be.
            shard: which part.
            pictures: the places of its pictures.

        Returns:
            The rows, and whether pictures of this filler that lie in the folder are of this very evaluation.

        Raises:
            InlayError: the file holds another protocol's rows, or another version's of the filler; or it was begun with
                weights that are not given now.
        """
        path = folder.rows / file_name(head["filler"]) / f"{shard}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        done: set[int] = set()
        begun = trusted = False
        for file in path.parent.glob("*.jsonl"):  # those of other shards too: they may have been cut otherwise before
            if found := _whole_lines(file):
                there = _head(file, found[0])
                _refuse_others(file, there, head)
                trusted = True
                if _covers(there, head):
                    done |= {_parsed(file, line)["picture"] for line in found[1:]}
                    if file == path:
                        begun = True
                        os.truncate(path, sum(map(len, found)))  # without a line that was cut off
                        if measures_of(there) != measures_of(head) and not pictures <= done:
                            raise InlayError(
                                f"{path}: was begun with more metrics or weights. Give them again, or another run_dir."
                            )
        if not begun:
            write_text(path, json.dumps(head) + "\n")
        return cls(path, done), trusted

    def add(self, line: SampleRecord) -> None:
        """Append what was measured of a picture."""
        append(self.path, json.dumps(line, allow_nan=False).encode() + b"\n")
        self.done.add(line["picture"])


def stored(columns: Mapping[str, float]) -> dict[str, float | None]:
    """Numbers as JSON has them: null where they are NaN, or a PSNR without any error."""
    return {name: value if math.isfinite(value) else None for name, value in columns.items()}


class Measured(NamedTuple):
    """All that is known of one filler."""

    heads: list[ShardHeader]
    lines: list[SampleRecord]
    """In the order of the pictures; those that are not measured yet are absent."""

    @property
    def complete(self) -> bool:
        """Whether every picture of the protocol is there."""
        return len(self.lines) == self.heads[0]["pictures"]


def collect(folders: Iterable[Folder]) -> dict[str, Measured]:
    """Everything that lies in folders, by filler, in the order in which they were asked for.

    Raises:
        InlayError: a picture was measured twice with different outcomes; or shards of one filler differ in protocol,
            version or metrics.
    """
    files: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rows.glob("*/*.jsonl")):
            files.setdefault(path.parent.name, []).append(path)
    measured = [found for paths in files.values() if (found := _measured(paths))]
    measured.sort(key=lambda found: (found.heads[0]["place"], found.heads[0]["filler"]))
    return {found.heads[0]["filler"]: found for found in measured}


def _measured(paths: Sequence[Path]) -> Measured | None:
    heads: list[ShardHeader] = []
    lines: dict[int, SampleRecord] = {}
    for path in paths:
        content = _whole_lines(path)
        if not content:
            continue  # another process is about to write its first line
        heads.append(_head(path, content[0]))
        _refuse_others(path, heads[0], heads[-1])
        if measures_of(heads[0]) != measures_of(heads[-1]):
            raise InlayError(
                f"{path}: was measured by other metrics or weights than {paths[0].name} beside it. Remove one of them, "
                "and run its shard again."
            )
        for line in (_parsed(path, text) for text in content[1:]):
            if lines.setdefault(line["picture"], line) != line:
                raise InlayError(
                    f"{path}: picture {line['picture']} was measured before, with other numbers. Merge runs that share "
                    "no shard, or that ran on the same kind of machine."
                )
    return Measured(heads, [lines[picture] for picture in sorted(lines)]) if heads else None


def _whole_lines(path: Path) -> list[bytes]:
    with open_regular(path) as file:
        return [line for line in file if line.endswith(b"\n")]


def _parsed(path: Path, text: bytes) -> SampleRecord:
    try:
        line: SampleRecord = json.loads(text)
    except ValueError as error:
        raise InlayError(f"{path}: holds a line that is damaged ({error}). Remove the file, and run again.") from error
    return line


def _covers(there: ShardHeader, here: ShardHeader) -> bool:
    """Whether everything that is to be measured here was measured there, through the same networks."""
    kept = _defined(there)
    return (
        all(metric in kept for metric in _defined(here))
        and there["features"] >= here["features"]
        and all(there["weights"].get(name) == version for name, version in here["weights"].items())
    )


def measures_of(head: ShardHeader) -> tuple[Any, ...]:
    """What is measured, and through which networks."""
    return _defined(head), head["features"], head["weights"]


def _defined(head: ShardHeader) -> list[dict[str, Any]]:
    """The metrics without what is said about them."""
    return [{key: value for key, value in metric.items() if key != "about"} for metric in head["metrics"]]


def refuse_other_protocols(folder: Folder, protocol: ProtocolIs) -> None:
    """Raise :class:`InlayError` where a folder holds rows of another protocol, of whatever filler and shard."""
    for path in sorted(folder.rows.glob("*/*.jsonl")):
        if found := _whole_lines(path):
            there = _head(path, found[0])["protocol"]
            if there["hash"] != protocol["hash"]:
                raise _belongs_elsewhere(path, "protocol", _told(there), _told(protocol))


def _head(path: Path, text: bytes) -> ShardHeader:
    head: Any = _parsed(path, text)
    return cast(ShardHeader, head)


def _refuse_others(path: Path, there: ShardHeader, here: ShardHeader) -> None:
    if there["protocol"]["hash"] != here["protocol"]["hash"]:
        raise _belongs_elsewhere(path, "protocol", _told(there["protocol"]), _told(here["protocol"]))
    if there["identity"] != here["identity"]:
        raise _belongs_elsewhere(path, f"{here['filler']} in its version", there["identity"], here["identity"])


def _told(protocol: ProtocolIs) -> str:
    return f"{protocol['name']} {protocol['hash']}"


def _belongs_elsewhere(path: Path, what: str, there: str, here: str) -> InlayError:
    return InlayError(
        f"{path}: holds rows of {what} {there}, and this is {here}: they do not belong into one table. Choose another "
        "run_dir, or remove that file."
    )
