"""The numbers of an evaluation as tables: which cells there are, and how they are to be shown."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from inlay.evaluation.results import ProbeInfo, Results, Value

LISTED = 20
"""Maximal number of left out pictures that are listed; ``results.json`` has them all."""
NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""
INFINITE = "\N{INFINITY}"
"""Stands for the PSNR of pictures that differ nowhere."""
ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}

_OF_A_SET = re.compile(r"(.+)_n(\d+)")
_SHARES = re.compile(r"\d+-\d+")


class Cell(NamedTuple):
    """A value and how it is to be shown."""

    value: Value | None
    """None where the metric does not apply or was not measured."""
    pictures: int | None
    """Number of pictures of a metric of sets; None for metrics that are means over pictures."""
    best: bool
    tied: bool
    """Whether it is within noise of the best."""
    infinite: bool = False
    """Whether the value, which JSON has no number for, is infinite."""

    @property
    def number(self) -> float | None:
        """The value alone."""
        if self.infinite:
            return math.inf
        return None if self.value is None else self.value["value"]

    def size(self, cases: int) -> str:
        """The number of pictures of a metric of sets, where it is not the number of cases of the bucket."""
        return "" if self.pictures in (None, cases) else f"(n={self.pictures})"


class Table(NamedTuple):
    """A metric of all fillers in all buckets."""

    metric: str
    """Its name; of a set's metric without the number of pictures."""
    better: Literal["higher", "lower", "neither"]
    unit: str
    """``dB``, or empty."""
    about: str
    digits: int
    """Behind the decimal point."""
    rows: dict[str, dict[str, Cell]]
    """By filler and bucket, in order."""

    def shown(self, number: float | None, sign: bool = False) -> str:
        """A number with the digits of the table; never ``-0.00``."""
        if number is None:
            return NOTHING
        if math.isinf(number):
            return INFINITE
        return f"{round(number, self.digits) + 0.0:{'+' if sign else ''}.{self.digits}f}"


def by_metric(results: Results, marks: bool = True) -> list[Table]:
    """A table for each metric, in order; the metrics of sets, whose names carry numbers of pictures, gathered by kind.

    Args:
        results: of an evaluation.
        marks: whether to mark the best of each bucket and what is within noise of it. Nothing is marked where the
            values are no contest: a single one, one that could not be computed, sets of different size, a metric of
            which neither way is better, too few pictures for a comparison.
    """
    kinds: dict[str, list[str]] = {}
    for name in results["metrics"]:
        kinds.setdefault(_kind(name)[0], []).append(name)
    return [_table(results, kind, names, marks) for kind, names in kinds.items()]


def head(bucket: str) -> str:
    """A bucket for readers: ``10-20 %``."""
    return f"{bucket} %" if _SHARES.fullmatch(bucket) else bucket


def facts(results: Results) -> list[tuple[str, str]]:
    """Name and value of what identifies a table: the test, the fillers, the versions of probes."""
    protocol = results["protocol"]
    cases = next(reversed(results["buckets"].values()), 0)
    return [
        ("protocol", protocol["name"]),
        ("hash", protocol["hash"]),
        ("samples", protocol["samples"]),
        ("pictures", f"{results['pictures']}, cases (a picture with a hole): {cases}"),
        *((f"filler {name}", version) for name, version in results["fillers"].items()),
        *((f"options of {name}", options) for name, options in results["options"].items()),
        *((f"probe {name}", _versions(info)) for name, info in results["probes"].items()),
    ]


def _versions(info: ProbeInfo) -> str:
    """The version of a probe and its settings, without the class and the device."""
    settings = {key: value for key, value in info["settings"].items() if key[0] != "_" and value is not None}
    return ", ".join([f"version {info['version']}", *(f"{key}={value}" for key, value in settings.items())])


def left_out(results: Results) -> list[str]:
    """Metrics and pictures that are not in the tables, with the reason, a line each."""
    lines = [f"metric left out: {name}: {reason}" for name, reason in results["metrics_left_out"].items()]
    cases = results["pictures_left_out"]
    lines += [f"picture left out: {case['id']}, hole {case['hole']}: {case['reason']}" for case in cases[:LISTED]]
    if len(cases) > LISTED:
        lines.append(f"and {len(cases) - LISTED} more pictures left out, see results.json")
    return lines


def _kind(name: str) -> tuple[str, int | None]:
    """A metric without its number of pictures, and that number, which metrics of sets have."""
    of_a_set = _OF_A_SET.fullmatch(name)
    return (of_a_set[1], int(of_a_set[2])) if of_a_set else (name, None)


def _table(results: Results, kind: str, names: Sequence[str], marks: bool) -> Table:
    what = results["metrics"][names[0]]
    rows: dict[str, dict[str, Cell]] = {filler: {} for filler in results["fillers"]}
    for bucket in results["buckets"]:
        column = {
            filler: _cell(results["values"][filler].get(bucket, {}), names, what["unit"])
            for filler in results["fillers"]
        }
        pairs = [one for one in results["comparisons"] if (one["metric"], one["bucket"]) == (kind, bucket)]
        of_sets = kind != names[0]
        best = _best(column, what["better"]) if marks and (of_sets or pairs) else set()
        noise = [{one["a"], one["b"]} for one in pairs if one["within_noise"]]
        tied = set().union(*(pair for pair in noise if pair & best))
        for filler, cell in column.items():
            rows[filler][bucket] = cell._replace(best=filler in best, tied=filler in tied - best)
    return Table(kind, what["better"], what["unit"], what["about"], 2 if what["unit"] else _digits(rows), rows)


def _cell(values: Mapping[str, Value], names: Sequence[str], unit: str) -> Cell:
    found = [name for name in names if name in values]
    if not found:
        return Cell(None, None, best=False, tied=False)
    [name] = found
    infinite = unit == "dB" and values[name]["value"] is None
    return Cell(values[name], _kind(name)[1], best=False, tied=False, infinite=infinite)


def _best(column: Mapping[str, Cell], better: str) -> set[str]:
    numbers = {filler: cell.number for filler, cell in column.items() if cell.value is not None}
    known = [number for number in numbers.values() if number is not None]
    sizes = {cell.pictures for cell in column.values() if cell.value is not None}
    if better == "neither" or len(known) < max(2, len(numbers)) or len(sizes) > 1:
        return set()
    winner = max(known) if better == "higher" else min(known)
    return {filler for filler, number in numbers.items() if number == winner}


def _digits(rows: Mapping[str, Mapping[str, Cell]]) -> int:
    """Four behind the point; two above ten, and more where three digits of a bucket's largest value need them."""
    columns: dict[str, float] = {}
    for row in rows.values():
        for bucket, cell in row.items():
            number = 0.0 if cell.number is None or cell.infinite else abs(cell.number)
            columns[bucket] = max(columns.get(bucket, 0.0), number)
    sizes = [math.floor(math.log10(largest)) for largest in columns.values() if largest > 0]
    return 2 if max(sizes, default=0) > 0 else max(4, 2 - min(sizes, default=0))
