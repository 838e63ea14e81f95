"""Metrics of a checkpoint by hole ratio, for its card: from its run's validation and from an evaluation."""

import csv
import json
import math
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from inlay.buckets import ALL, in_order
from inlay.errors import BadFile, InlayError, one_line
from inlay.files import open_regular, read_bytes
from inlay.printing import code, markdown

NOTHING, INFINITE = "-", "\N{INFINITY}"  # cells without a value, and of a PSNR without any error
_SHOWN = {  # name: heading of the column, and digits
    "psnr_hole": ("PSNR, hole (dB) ↑", 2),
    "psnr": ("PSNR (dB) ↑", 2),
    "ssim_hole": ("SSIM, hole ↑", 3),
    "ssim": ("SSIM ↑", 3),
    "l1_hole": ("L1, hole ↓", 4),
    "l1": ("L1 ↓", 4),
    "lpips": ("LPIPS ↓", 3),
}


def validation_table(checkpoint: Path, step: int | None) -> str | None:
    """The validation of a run when it wrote a checkpoint, in Markdown; None where its ``metrics.csv`` has none."""
    file = checkpoint.resolve().parent.parent / "metrics.csv"
    if step is None or checkpoint.resolve().parent.name != "checkpoints" or not file.is_file():
        return None
    with TextIOWrapper(open_regular(file), encoding="utf-8", newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if row.get("step") == str(step - 1)]  # rows count from 0
    found: dict[str, dict[str, float]] = {}
    for name, value in ((name, value) for row in rows for name, value in row.items() if value):
        head, _, rest = name.partition("/")
        metric, _, bucket = rest.partition("/")
        if head == "val":
            found.setdefault(bucket or ALL, {})[metric] = float(value)
    counts = {bucket: int(row["pictures"]) for bucket, row in found.items() if "pictures" in row}
    shown = {bucket: _known(row) for bucket, row in found.items()}
    about = (
        f"In the run's own validation after {step:,} iterations, whose holes are drawn as in training or as its "
        "settings say. Checkpoints are chosen by it, so it flatters; to compare models, use an evaluation."
    )
    return _table(about, shown, counts) if any(shown.values()) else None


def evaluation_table(file: Path, identity: str) -> str:
    """The results of a checkpoint in ``results.json`` of an evaluation, in Markdown.

    Raises:
        InlayError: it cannot be read, or is about other checkpoints.
    """
    try:
        results = json.loads(read_bytes(file))
        names = [name for name, other in results["fillers"].items() if other == identity]
        protocol, counts = results["protocol"], results["buckets"]
        values = {name: results["values"][name] for name in names}
    except (BadFile, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InlayError(f"--results {file}: not the results of an evaluation ({one_line(error)}).") from error
    if not names:
        others = ", ".join(f"{name} {other}" for name, other in results["fillers"].items())
        raise InlayError(
            f"--results {file}: nothing of this checkpoint ({identity}), but of {others}. Evaluate it first."
        )
    shown = {bucket: _known(_infinite_too(row)) for bucket, row in values[names[0]].items()}
    about = (
        f"In an evaluation with the protocol {code(protocol['name'])} (hash {code(protocol['hash'])}; equal hashes "
        f"mean the same test) on {results['pictures']:,} pictures. {markdown(protocol['about'])}"
    )
    return _table(about, shown, counts)


def _infinite_too(row: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Values by metric; a PSNR that JSON has no number for is infinite."""
    return {
        name: math.inf if name.startswith("psnr") and value["value"] is None else value["value"]
        for name, value in row.items()
    }


def _table(about: str, rows: Mapping[str, Mapping[str, float]], counts: Mapping[str, int]) -> str:
    """Metrics by hole ratio: where and how they were measured, then a row for each bucket."""
    metrics = [name for name in _SHOWN if any(name in row for row in rows.values())]
    lines = [["hole, %", "n", *(_SHOWN[name][0] for name in metrics)]]
    lines.append(["---", *["---:"] * (len(metrics) + 1)])
    for bucket in in_order(list(rows)):
        cells = [_cell(rows[bucket].get(name), _SHOWN[name][1]) for name in metrics]
        lines.append([markdown(bucket), markdown(counts.get(bucket, NOTHING)), *cells])
    return "\n".join([about, "", *("| " + " | ".join(line) + " |" for line in lines)])


def _cell(value: float | None, digits: int) -> str:
    if value is None:
        return NOTHING
    return INFINITE if math.isinf(value) else f"{value:.{digits}f}"


def _known(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name in _SHOWN and value is not None}
