"""The index of a dataset: JSON Lines to read and exchange, memory-mapped Arrow to train from.

Eight million rows as Python strings are gigabytes in every worker. So the rows of each split are converted once into an
Arrow file in the cache; opening that takes milliseconds, and all processes share its pages.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc
from pyarrow import json as arrow_json

from inlay.cache import cache_dir
from inlay.data.records import Record, check_inside
from inlay.errors import BadFile, InlayError
from inlay.files import SUSPICIOUS, file_lock, new_folder, open_regular, read_text, remove_leftovers, write_text

log = logging.getLogger(__name__)

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.string()),
        ("split", pa.string()),
        ("captions", pa.list_(pa.string())),
        ("label", pa.string()),
        ("bbox", pa.list_(pa.float64())),
        ("mask", pa.string()),
        ("mask_is", pa.string()),
        ("size", pa.list_(pa.int32())),
        ("sha256", pa.string()),
    ]
)
_REQUIRED = ("id", "image", "split")
_BLOCK = 32 << 20  # bytes of JSON a chunk of rows is made from; no row may be longer
_HOW_TO_SPLIT = (
    " A folder without train/ and val/ is split 80/10/10 by a hash of each file's path, and one picture cannot be "
    "split: put pictures into train/ and val/, or validate on those that train, with data.val_split=train."
)
_STAMP = "source.json"


class Index:
    """The rows of one split, in the order of the index: an Arrow file that :func:`open_split` made, memory-mapped."""

    def __init__(self, file: Path) -> None:
        self._file = file
        table = ipc.open_file(pa.memory_map(str(file))).read_all()
        self._columns = {name: table[name] for name in table.column_names if table[name].null_count < len(table)}
        self._length = len(table)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, place: int) -> Record:
        row = {name: self.value(place, name) for name in SCHEMA.names}
        return cast(Record, {name: value for name, value in row.items() if value is not None})

    def value(self, place: int, column: str) -> Any:
        """One value of a row, None where it has none. What is not asked for is not read from disk."""
        value = self._columns[column][place].as_py() if column in self._columns else None
        return self.value(place, "image") if value is None and column == "id" else value

    def __reduce__(self) -> tuple[type["Index"], tuple[Path]]:
        return Index, (self._file,)  # another process maps the file anew

    def has(self, column: str) -> bool:
        """Whether any row has a value there."""
        return column in self._columns

    def complete(self, column: str) -> bool:
        """Whether every row has a value there."""
        return column in self._columns and self._columns[column].null_count == 0


def open_split(path: str | os.PathLike[str], split: str, root: Path | None = None) -> Index:
    """Open one split of an index in JSON Lines, which is converted into the cache when it is new or has changed.

    Names of files are relative to ``root``; None allows no absolute ones.

    Raises:
        InlayError: there is no such file, it is no index, it names files outside the root, or the split is empty.
    """
    path = Path(path)
    folder = _converted(path, root)
    file = folder / f"{split}.arrow"
    if not file.exists():
        there = sorted(f"{file.stem} ({len(Index(file)):,})" for file in folder.glob("*.arrow"))
        raise InlayError(
            f"{path}: no pictures in split {split!r}; it has {', '.join(there) or 'none at all'}. "
            f"Choose with data.train_split and data.val_split.{_HOW_TO_SPLIT}"
        )
    return Index(file)


def read_rows(path: str | os.PathLike[str]) -> Iterator[Record]:
    """The rows of an index, one after the other. Errors: an :class:`InlayError` that names file and line."""
    path = Path(path)
    try:
        with TextIOWrapper(open_regular(path), encoding="utf-8") as lines:
            for number, line in enumerate(iter(partial(lines.readline, _BLOCK), ""), 1):
                yield _parsed(path, number, line)
    except BadFile as error:
        raise InlayError(f"data.index={path}: {error.reason}. Make one with `inlay data prepare`.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InlayError(f"data.index={path}: cannot be read ({error}). Make one with `inlay data prepare`.") from error


def _parsed(path: Path, number: int, line: str) -> Record:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InlayError(f"{path}, line {number}: not JSON ({error}). Make the index anew.") from None
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in _REQUIRED):
        raise InlayError(
            f"{path}, line {number}: a row needs the texts {', '.join(_REQUIRED)}; got {line[:80].strip()}"
        )
    return cast(Record, row)


@contextmanager
def in_cache(path: Path) -> Iterator[None]:
    """For one process at a time, to make what is to lie at a path of the cache.

    Raises:
        InlayError: the cache cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(path.with_name(f"{path.name}.lock")):
            yield
    except OSError as error:
        raise InlayError(f"{path}: cannot be written ({error.strerror}). Set INLAY_CACHE to another place.") from error


def _converted(path: Path, root: Path | None) -> Path:
    """The folder of Arrow files that belongs to an index as it is now."""
    try:
        with open_regular(path) as file:
            stat = os.fstat(file.fileno())
    except BadFile as error:
        raise InlayError(f"data.index={path}: {error.reason}. Make one with `inlay data prepare`.") from None
    place = {"index": str(path.resolve()), "root": root and str(root.resolve())}
    stamp = {**place, "bytes": stat.st_size, "changed": stat.st_mtime_ns}
    name = hashlib.sha256(json.dumps(place).encode()).hexdigest()[:16]
    folder = cache_dir() / "arrow" / f"{path.stem}-{name}"
    if not _is_made_from(stamp, folder):
        with in_cache(folder):
            if not _is_made_from(stamp, folder):  # by now, perhaps, thanks to another process
                _convert(path, root, folder, stamp)
    return folder


def _is_made_from(stamp: dict[str, Any], folder: Path) -> bool:
    """Whether a folder holds an index in the state of the stamp, all of it: a disk may have lost a part."""
    try:
        told = json.loads(read_text(folder / _STAMP))
        return bool(told == {**stamp, "files": _sizes(folder)})
    except (BadFile, OSError, ValueError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in sorted(folder.glob("*.arrow"))}


def _convert(path: Path, root: Path | None, folder: Path, stamp: dict[str, Any]) -> None:
    log.info("%s: converting into %s (once)", path, folder)
    remove_leftovers(folder.parent, folder.name)
    shutil.rmtree(folder, ignore_errors=True)  # of the index as it was
    with new_folder(folder) as part:
        _write_splits(path, root, part)
        write_text(part / _STAMP, json.dumps({**stamp, "files": _sizes(part)}))


def _write_splits(path: Path, root: Path | None, folder: Path) -> None:
    with ExitStack() as files:
        writers: dict[str, ipc.RecordBatchFileWriter] = {}
        for batch in _batches(path):
            for names in (batch["image"], batch["mask"]):
                doubtful = names.filter(pc.match_substring_regex(names, SUSPICIOUS))
                check_inside(root, doubtful.to_pylist(), str(path))
            for split in pc.unique(batch["split"]).to_pylist():
                if not re.fullmatch(r"[\w-]+", split):  # it is to be the name of a file
                    raise InlayError(f"{path}: {split!r} is no name for a split. Use letters, digits, - and _.")
                if split not in writers:
                    writers[split] = files.enter_context(ipc.new_file(str(folder / f"{split}.arrow"), SCHEMA))
                rows = batch.filter(pc.equal(batch["split"], split))
                # An id that is the file's name, as most are, is left out: that is half of what training reads.
                ids = pc.if_else(pc.equal(rows["id"], rows["image"]), pa.scalar(None, pa.string()), rows["id"])
                writers[split].write_batch(rows.set_column(0, "id", ids))


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    parsing = arrow_json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
    if path.stat().st_size == 0:
        return
    try:
        for batch in arrow_json.open_json(str(path), arrow_json.ReadOptions(block_size=_BLOCK), parsing):
            batch.validate(full=True)  # or bytes that are no text would surface in the middle of a run
            if any(batch[name].null_count for name in _REQUIRED):
                raise pa.ArrowInvalid("a row lacks one of " + ", ".join(_REQUIRED))
            yield batch
    except pa.ArrowInvalid as error:
        for _ in read_rows(path):  # names the line, where it is one that JSON's own reader refuses too
            pass
        raise InlayError(f"{path}: not an index ({error}). Make it anew with `inlay data prepare`.") from error
    except OSError as error:
        raise InlayError(f"data.index={path}: cannot be read ({error}). Name a .jsonl file.") from error
