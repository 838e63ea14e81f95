"""The numbers of an evaluation on disk: a file for each filler, probe and shard, a line for each picture.

A run that was killed goes on behind its last line; shards are joined from their files; another version of a probe
replaces the files of that probe alone.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, TypedDict, cast

from inlay.errors import InlayError
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.results import LeftOut, ProbeInfo, ProtocolInfo, ResultRow
from inlay.files import append, open_regular, write_text


class ShardHeader(TypedDict):
    """The first line of a file: whose numbers these are, and what they were measured with."""

    protocol: ProtocolInfo
    """With empty ``samples``: nothing has been read yet."""
    pictures: int
    """Number of pictures of the protocol, all shards together."""
    filler: str
    identity: str
    """Version of the filler."""
    options: str
    """How the filler is used: strategy and blending."""
    probe: str
    info: ProbeInfo
    specs: list[dict[str, Any]]
    """Fields of the probe's :class:`inlay.metrics.MetricSpec`; empty for features."""
    place: tuple[int, int]
    """Of the filler and of the probe, in the order in which they were given."""
    metrics_left_out: dict[str, str]
    provenance: dict[str, Any]


class SampleRecord(TypedDict):
    """The numbers of one picture."""

    picture: int
    rows: list[ResultRow]
    features: dict[str, str]
    """By hole, base64 of float32; empty for probes that have none."""
    left_out: list[LeftOut]


class Shard(NamedTuple):
    """A part of the pictures: the ``number``-th of ``parts``, from 1."""

    number: int
    parts: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse ``3/16``. Raises :class:`InlayError` where that is no part of a whole."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise InlayError(f"shard must be K/N with 1 <= K <= N, such as 3/16; got {text!r}.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}-of-{self.parts}"

    def of(self, pictures: int) -> list[int]:
        """The places of its pictures."""
        return list(range(self.number - 1, pictures, self.parts))


@dataclass
class ShardFile:
    """The file of one filler, probe and shard, open for more.

    Attributes:
        path: the file.
        done: the pictures that are in it.
    """

    path: Path
    done: set[int]

    @classmethod
    def open(cls, folder: EvalFolder, header: ShardHeader, shard: Shard) -> Self:
        """Open a file, new or half full; numbers that another version of the probe measured are dropped."""
        path = folder.numbers(header["filler"], header["probe"]) / f"{shard}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        done: set[int] = set()
        begun = False
        for file in path.parent.glob("*.jsonl"):  # other shards' too: the pictures may have been shared out otherwise
            lines = _whole_lines(file)
            if lines and same_probe(_parsed(file, lines[0]), header):
                done |= {_parsed(file, line)["picture"] for line in lines[1:]}
                if file == path:
                    begun = True
                    os.truncate(path, sum(map(len, lines)))  # without a line that was cut off
        if not begun:
            write_text(path, json.dumps(header) + "\n")
        return cls(path, done)

    def add(self, record: SampleRecord) -> None:
        """Append the numbers of a picture."""
        append(self.path, json.dumps(record, allow_nan=False).encode() + b"\n")
        self.done.add(record["picture"])


class Measured(NamedTuple):
    """All numbers of one probe and one filler."""

    headers: list[ShardHeader]
    records: list[SampleRecord]
    """In the order of the pictures; those that are not measured yet are absent."""

    @property
    def complete(self) -> bool:
        """Whether every picture of the protocol is there."""
        return len(self.records) == self.headers[0]["pictures"]


def fillers_begun(folder: EvalFolder, headers: Iterable[ShardHeader]) -> set[str]:
    """Find the fillers of which a folder holds numbers, and therefore pictures.

    Raises:
        InlayError: the folder holds numbers of another protocol, or of one of these fillers in another version.
    """
    by_filler = {header["filler"]: header for header in headers}
    begun = set()
    for path in sorted(folder.rows.glob("*/*/*.jsonl")):
        if lines := _whole_lines(path):
            there: ShardHeader = _parsed(path, lines[0])
            _refuse_others(path, there, by_filler.get(there["filler"], next(iter(by_filler.values()))))
            begun.add(there["filler"])
    return begun


def collect(
    folders: Iterable[EvalFolder], wanted: Mapping[str, ShardHeader] | None = None
) -> dict[str, dict[str, Measured]]:
    """Read the numbers of folders, by filler and probe, in the order in which these were given to the first run.

    Args:
        folders: of evaluations.
        wanted: by probe a header; numbers that another version of that probe measured are passed over.

    Raises:
        InlayError: a picture was measured twice with different outcomes; or shards differ in protocol, in the version
            of the filler or in that of the probe.
    """
    files: dict[tuple[str, ...], list[Path]] = {}  # by the names of filler and probe
    for folder in folders:
        for path in sorted(folder.rows.glob("*/*/*.jsonl")):
            files.setdefault(path.parts[-3:-1], []).append(path)
    found = [measured for paths in files.values() if (measured := _measured(paths, wanted or {}))]
    found.sort(key=lambda one: (*one.headers[0]["place"], one.headers[0]["filler"], one.headers[0]["probe"]))
    collected: dict[str, dict[str, Measured]] = {}
    for one in found:
        collected.setdefault(one.headers[0]["filler"], {})[one.headers[0]["probe"]] = one
    return collected


def joined(name: str, probes: Iterable[Measured]) -> list[SampleRecord]:
    """Join what several probes measured of a filler: one record per picture.

    Args:
        name: of the filler.
        probes: what each measured.

    Raises:
        InlayError: they were given different pixels, or two have different numbers by the same name.
    """
    whole: dict[int, SampleRecord] = {}
    for measured in probes:
        for record in measured.records:
            known = whole.get(record["picture"])
            if known is None:
                rows = [cast(ResultRow, dict(row)) for row in record["rows"]]
                whole[record["picture"]] = {**record, "rows": rows, "features": dict(record["features"])}
                continue
            if _cases(known) != _cases(record):
                raise different_pixels()
            for row, more in zip(known["rows"], record["rows"], strict=True):
                numbers = cast(dict[str, Any], row)
                if twice := [key for key, value in more.items() if numbers.setdefault(key, value) != value]:
                    probe = measured.headers[0]["probe"]
                    raise InlayError(
                        f"probe {probe} of {name}: another probe has other numbers called {twice[0]}. Rename one."
                    )
            known["features"] |= record["features"]
    return [whole[picture] for picture in sorted(whole)]


def different_pixels() -> InlayError:
    """The error for numbers that were measured on different samples."""
    return InlayError(
        "fillers were given different pixels: files of the dataset, or of the masks, changed between the runs. "
        "Evaluate all of them again, in a new run_dir."
    )


def same_probe(a: ShardHeader, b: ShardHeader) -> bool:
    """Whether two files were measured with the same version, settings and weights of a probe."""
    specs = [
        [{key: value for key, value in spec.items() if key != "about"} for spec in header["specs"]] for header in (a, b)
    ]
    return a["info"] == b["info"] and specs[0] == specs[1]


def _cases(record: SampleRecord) -> list[tuple[str, str]]:
    return [(row["hole"], row["sample"]) for row in record["rows"]]


def _measured(paths: Sequence[Path], wanted: Mapping[str, ShardHeader]) -> Measured | None:
    headers: list[ShardHeader] = []
    records: dict[int, SampleRecord] = {}
    for path in paths:
        lines = _whole_lines(path)
        if not lines:
            continue  # another process is about to write its first line
        header: ShardHeader = _parsed(path, lines[0])
        if header["probe"] in wanted and not same_probe(header, wanted[header["probe"]]):
            continue
        headers.append(header)
        _refuse_others(path, headers[0], header)
        if not same_probe(headers[0], header):
            raise InlayError(
                f"{path}: was measured by another version of the probe, or with other weights, than {paths[0].name} "
                "beside it. Remove one of them, and run its shard again."
            )
        for line in lines[1:]:
            record: SampleRecord = _parsed(path, line)
            if records.setdefault(record["picture"], record) != record:
                raise InlayError(
                    f"{path}: picture {record['picture']} was measured before, with other numbers. Merge runs that "
                    "share no shard, or that ran on the same kind of machine."
                )
    return Measured(headers, [records[picture] for picture in sorted(records)]) if headers else None


def _whole_lines(path: Path) -> list[bytes]:
    with open_regular(path) as file:
        return [line for line in file if line.endswith(b"\n")]


def _parsed(path: Path, text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InlayError(f"{path}: holds a line that is damaged ({error}). Remove the file, and run again.") from error


def _refuse_others(path: Path, there: ShardHeader, here: ShardHeader) -> None:
    tests = [f"{header['protocol']['name']} {header['protocol']['hash']}" for header in (there, here)]
    told = [("protocol", *tests)]
    if there["filler"] == here["filler"]:
        told += [(f"{here['filler']} with {key}", there[key], here[key]) for key in ("identity", "options")]
    for what, theirs, ours in told:
        if theirs != ours:
            raise InlayError(
                f"{path}: holds numbers of {what} {theirs}, and this is {ours}: they do not belong into one table. "
                "Choose another run_dir, or remove that file."
            )
