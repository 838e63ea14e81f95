"""An evaluation as one page that opens anywhere: tables, curves, pictures, and what is needed to judge them."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from inlay.buckets import ALL
from inlay.evaluation.curves import COLORS, curves
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.gallery import gallery
from inlay.evaluation.results import Comparison, ResultRow, Results
from inlay.evaluation.tables import ARROWS, LISTED, NOTHING, Cell, Table, by_metric, head
from inlay.printing import printable

LEADING = "psnr_hole"
"""The metric of the summary, which the page opens with."""


def render(results: Results, rows: Sequence[ResultRow], folder: EvalFolder) -> str:
    """The page: one HTML file that asks for nothing outside of itself. Equal arguments give equal bytes.

    Pictures are chosen by the rows of all filled holes; those that are not in the folder are shown as missing.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    as_json = partial(json.dumps, indent=2, ensure_ascii=False)
    environment.filters |= {"json": as_json, "bucket": head, "name": _breakable}
    return environment.get_template("report.html.j2").render(
        results=results,
        protocol=results["protocol"],
        buckets=results["buckets"],
        fillers=results["fillers"],
        summary=summary(results),
        tables=by_metric(results),
        pairs=_pairs(results),
        leading=LEADING if LEADING in results["metrics"] else next(iter(results["metrics"]), ""),
        curves=curves(results),
        gallery=gallery(results, rows, folder),
        colors=COLORS,
        arrows=ARROWS,
        nothing=NOTHING,
        listed=LISTED,
        cell_title=_cell_title,
    )


def summary(results: Results) -> str:
    """Which filler is best in :data:`LEADING` over all cases, and whether beyond noise: a sentence."""
    column = {filler: values.get(ALL, {}).get(LEADING) for filler, values in results["values"].items()}
    measured = {filler: value for filler, value in column.items() if value is not None}
    exact = [filler for filler, value in measured.items() if value["value"] is None]
    over = f"over all {results['buckets'].get(ALL, 0)} cases"
    if not measured:
        return f"{LEADING} was not measured, so no filler is called the best."
    if exact:
        return f"{_listed(exact)} restored the holes without any error {over}."
    numbers = {filler: value["value"] or 0.0 for filler, value in measured.items()}
    best, *others = sorted(numbers, key=lambda filler: -numbers[filler])
    if not others:
        return f"{best} reaches {numbers[best]:.2f} dB PSNR inside the holes {over}."
    return f"{best} is best inside the holes, with {numbers[best]:.2f} dB PSNR {over}{_ahead(results, best, others)}."


def _ahead(results: Results, best: str, others: Sequence[str]) -> str:
    """How far the best is from the others."""
    found = {
        other: comparison
        for comparison in results["comparisons"]
        if comparison["metric"] == LEADING and comparison["bucket"] == ALL
        for other in others
        if {comparison["a"], comparison["b"]} == {best, other}
    }
    if len(found) < len(others):
        return "; not all fillers could be compared picture by picture, so noise cannot be judged"
    tied = [other for other in others if found[other]["within_noise"]]
    if tied:
        return f", but within noise of {_listed(tied)}"
    second = found[others[0]]
    low, high = sorted((abs(second["low"]), abs(second["high"])))
    lead = f"{others[0]} by {abs(second['difference']):.2f} dB (95 % interval {low:.2f} to {high:.2f})"
    return f", beyond noise ahead of {lead}" + (" and of all others" if len(others) > 1 else "")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _pairs(results: Results) -> dict[str, dict[tuple[str, str], dict[str, Comparison]]]:
    """Comparisons by metric, the names of both fillers, and bucket."""
    found: dict[str, dict[tuple[str, str], dict[str, Comparison]]] = {}
    for one in results["comparisons"]:
        found.setdefault(one["metric"], {}).setdefault((one["a"], one["b"]), {})[one["bucket"]] = one
    return found


def _cell_title(table: Table, filler: str, bucket: str, cell: Cell) -> str:
    value = cell.value
    if value is None or cell.number is None:
        return f"{filler}, {head(bucket)}: no value"
    parts = [f"{filler}, {head(bucket)}: {table.shown(cell.number)} {table.unit}".rstrip()]
    if value["low"] is not None:
        parts.append(f"95 % interval {table.shown(value['low'])} to {table.shown(value['high'])}")
    parts += ["best"] * cell.best + ["within noise of the best"] * cell.tied
    return ", ".join(parts)


def _printable(value: Any) -> Any:
    return type(value)(printable(value)) if isinstance(value, str) else value  # what is markup stays it


def _breakable(name: str) -> Markup:
    """A name that may be broken behind slashes: it is a path, mostly."""
    return escape(name).replace("/", Markup("/<wbr>"))
