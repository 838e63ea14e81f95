"""From a folder full of numbers to everything that people read."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from inlay.errors import InlayError
from inlay.evaluation import report
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.latex import latex
from inlay.evaluation.markdown import markdown
from inlay.evaluation.results import ResultRow, Results
from inlay.evaluation.store import Measured, ShardHeader, collect, joined, same_probe
from inlay.evaluation.summary import summarize
from inlay.files import file_lock, open_regular, read_text, replacing, write_text


def write_results(folder: EvalFolder, wanted: Mapping[str, Mapping[str, ShardHeader]] | None = None) -> Results | None:
    """Write results, tables and report of a folder in which every picture has been measured.

    Args:
        folder: holds the numbers.
        wanted: by filler and probe, the headers of numbers that must be there. Others in the folder are shown behind
            them if they are complete and of the same versions of probes. None for all that are there.

    Returns:
        The results; None where pictures are missing yet, as other shards are at work: nothing is written then.

    Raises:
        InlayError: see :func:`~inlay.evaluation.store.collect` and :func:`~inlay.evaluation.summary.summarize`; or the
            disk refuses.
    """
    wanted = wanted or {}
    by_probe = {name: header for probes in wanted.values() for name, header in probes.items()}
    measured = collect([folder], by_probe)
    complete: dict[str, dict[str, Measured]] = {}
    for filler in [*wanted, *(name for name in measured if name not in wanted)]:
        probes, needed = measured.get(filler, {}), wanted.get(filler, {})
        if any(name not in probes or not probes[name].complete for name in needed):
            return None
        for name in [*needed, *(name for name in probes if name not in needed)]:
            header = probes[name].headers[0]
            if probes[name].complete and same_probe(by_probe.setdefault(name, header), header):
                complete.setdefault(filler, {})[name] = probes[name]
    results = summarize(complete)
    rows = [
        row for name in results["fillers"] for record in joined(name, complete[name].values()) for row in record["rows"]
    ]
    try:
        with file_lock(folder.rows / ".publish.lock"):
            _write_parquet(folder.root / "results.parquet", rows)
            write_text(folder.root / "table.md", markdown(results))
            write_text(folder.root / "table.tex", latex(results))
            write_text(folder.root / "report.html", report.render(results, rows, folder))
            # Last: it is the sign that everything is there.
            write_text(folder.root / "results.json", json.dumps(results, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise InlayError(f"{folder.root}: cannot be written ({error.strerror or error}). Make room there.") from error
    return results


def merge(sources: Sequence[Path], out: Path) -> Results:
    """Put shards, or fillers that were evaluated one by one, together.

    Args:
        sources: folders of evaluations by one protocol.
        out: the folder of the whole; may be one of them.

    Raises:
        InlayError: pictures are missing; or the folders do not belong together.
    """
    folders = [EvalFolder(source) for source in sources]
    measured = collect([*folders, EvalFolder(out)])
    if not measured:
        raise InlayError(f"{', '.join(map(str, sources))}: no rows of an evaluation in there.")
    _check_complete(measured)
    summarize(measured)  # what does not belong together is refused before anything is copied
    for folder in folders:
        if folder.root.resolve() != out.resolve():
            _copy(folder, out)
    results = write_results(EvalFolder(out))
    assert results is not None
    return results


def read(folder: Path) -> Results:
    """The results of a folder. Raises :class:`InlayError` where there are none."""
    path = folder / "results.json"
    try:
        results: Results = json.loads(read_text(path, 2**28))
    except (InlayError, ValueError, RecursionError) as error:
        raise InlayError(
            f"{path}: no results in there ({error}). `inlay evaluate run_dir={folder}` makes them."
        ) from error
    return results


def _check_complete(measured: Mapping[str, Mapping[str, Measured]]) -> None:
    for filler, probes in measured.items():
        for probe, found in probes.items():
            there, count = {record["picture"] for record in found.records}, found.headers[0]["pictures"]
            if missing := sorted(set(range(count)) - there):
                raise InlayError(
                    f"{filler}, {probe}: {len(missing)} of {count} pictures are not measured yet, the first is number "
                    f"{missing[0]}. Run the missing shards (the same command with shard=K/N), then merge again."
                )


def _copy(folder: EvalFolder, out: Path) -> None:
    """Copy numbers, as runs write on in their files; link pictures, which are never changed, where the disk can."""
    for source in folder.rows.rglob("*.jsonl"):
        target = out / source.relative_to(folder.root)
        while target.exists():  # the same shard of another folder, which may hold more of it
            target = target.with_stem(f"{target.stem}+")
        _copy_file(source, target)
    for source in (folder.root / "pictures").rglob("*.png"):
        target = out / source.relative_to(folder.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            try:
                os.link(source, target)
            except OSError:
                _copy_file(source, target)


def _copy_file(source: Path, target: Path) -> None:
    with open_regular(source) as there, replacing(target) as here:
        shutil.copyfileobj(there, here)


def _write_parquet(path: Path, rows: Sequence[ResultRow]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    with replacing(path) as file:
        pq.write_table(table, file)
