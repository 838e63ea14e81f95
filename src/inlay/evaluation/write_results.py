"""From a folder full of rows to everything that people read."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from inlay.errors import InlayError
from inlay.evaluation import report
from inlay.evaluation.folder import Folder
from inlay.evaluation.latex import latex
from inlay.evaluation.markdown import markdown
from inlay.evaluation.results import Results, Row
from inlay.evaluation.store import Measured, collect, measures_of
from inlay.evaluation.summary import summarize
from inlay.files import file_lock, open_regular, read_text, replacing, write_text


def publish(folder: Folder, fillers: Sequence[str] | None = None) -> Results | None:
    """Write results, tables and report of a folder in which every picture has been measured.

    Args:
        folder: holds the rows.
        fillers: which must be there, and the original; others are shown behind them if they are complete, and were
            measured alike. None for all that are there.

    Returns:
        The results; None where pictures are missing yet, as other shards are at work: nothing is written then.

    Raises:
        InlayError: see :func:`~inlay.evaluation.store.collect` and :func:`~inlay.evaluation.summary.summarize`; or the
            disk refuses.
    """
    measured = collect([folder])
    if fillers is not None:
        if not set(fillers) <= set(measured):
            return None
        measured = {name: measured[name] for name in fillers} | _alike(measured, fillers)
    if not all(found.complete for found in measured.values()):
        return None
    results = summarize(measured)
    rows = [row for name in results["fillers"] for line in measured[name].lines for row in line["rows"]]
    try:
        with file_lock(folder.rows / ".publish.lock"):
            _publish(folder, results, rows)
    except OSError as error:
        raise InlayError(f"{folder.root}: cannot be written ({error.strerror or error}). Make room there.") from error
    return results


def _alike(measured: Mapping[str, Measured], fillers: Sequence[str]) -> dict[str, Measured]:
    """What others left in the folder, complete and measured as these are."""
    how = [measures_of(measured[name].heads[0]) for name in fillers]
    return {name: found for name, found in measured.items() if found.complete and measures_of(found.heads[0]) in how}


def _publish(folder: Folder, results: Results, rows: Sequence[Row]) -> None:
    _write_parquet(folder.parquet, rows)
    write_text(folder.markdown, markdown(results))
    write_text(folder.latex, latex(results))
    write_text(folder.report, report.render(results, rows, folder))
    write_text(folder.results, json.dumps(results, indent=1, allow_nan=False) + "\n")  # the sign that all is there


def merge(sources: Sequence[Path], out: Path) -> Results:
    """Put shards, or fillers that were evaluated one by one, together.

    Args:
        sources: folders of evaluations by one protocol.
        out: where the whole goes; may be one of them.

    Raises:
        InlayError: pictures are missing; or what is there does not belong together.
    """
    folders = [Folder(source) for source in sources]
    measured = collect([*folders, Folder(out)])
    if not measured:
        raise InlayError(f"{', '.join(map(str, sources))}: no rows of an evaluation in there.")
    _check_complete(measured)
    summarize(measured)  # what does not belong together is refused before anything is copied
    for folder in folders:
        if folder.root.resolve() != out.resolve():
            _copy(folder, out)
    results = publish(Folder(out))
    assert results is not None
    return results


def read(folder: Path) -> Results:
    """The results of a folder. Raises :class:`InlayError` where there are none."""
    path = Folder(folder).results
    try:
        results: Results = json.loads(read_text(path, 2**28))
    except (InlayError, ValueError, RecursionError) as error:
        raise InlayError(
            f"{path}: no results in there ({error}). `inlay evaluate run_dir={folder}` makes them."
        ) from error
    return results


def _check_complete(measured: Mapping[str, Measured]) -> None:
    for name, found in measured.items():
        there, wanted = {line["picture"] for line in found.lines}, found.heads[0]["pictures"]
        if missing := sorted(set(range(wanted)) - there):
            raise InlayError(
                f"{name}: {len(missing)} of {wanted} pictures are not measured yet, the first is number {missing[0]}. "
                "Run the missing shards (the same command with shard=K/N), then merge again."
            )


def _copy(folder: Folder, out: Path) -> None:
    """Rows by copy, as runs write on in their files; pictures, which are never changed, by link where the disk can."""
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


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    with replacing(path) as file:
        pq.write_table(table, file)
