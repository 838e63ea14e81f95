"""Captions from files: beside each picture, or one file for all, in the formats that people keep them in.

One file for all is JSON (an object of picture to caption or captions) or a table: CSV with a header, Parquet, JSON
Lines. A table has a column that names pictures and one of captions, called as in :data:`NAMES` and :data:`CAPTIONS`;
a picture may have several rows.
"""

import csv
import json
import logging
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from posixpath import splitext
from typing import Any

from inlay.data.filesystem import Tree
from inlay.data.records import Record, RejectedFile
from inlay.errors import InlayError
from inlay.files import names_inside, without_controls

NAMES = ("file", "filename", "file_name", "image", "id", "name")
CAPTIONS = ("caption", "captions", "text", "prompt", "sentence", "description")

_MOST = 2**27
"""Bytes of a JSON file, which is read at once; the other kinds are read row by row."""

_Pair = tuple[object, object]  # a picture's name and what is said of it, as the file has them


@dataclass(frozen=True)
class Captions:
    """Captions by picture.

    Attributes:
        by_name: as the file names pictures: with or without folder, with or without suffix.
    """

    by_name: Mapping[str, list[str]]

    def of(self, image: str) -> list[str]:
        """The captions of a picture, given by its path relative to the root; empty where there are none."""
        name = self.name_of(image)
        return [] if name is None else self.by_name[name]

    def name_of(self, image: str) -> str | None:
        """What the file calls a picture: its path or the longest end of it, with or without suffix."""
        ends = accumulate(reversed(image.split("/")), lambda end, folder: f"{folder}/{end}")
        forms = (form for end in reversed(list(ends)) for form in (end, splitext(end)[0]))
        return next((form for form in forms if form in self.by_name), None)


def read_captions(tree: Tree, path: str) -> Captions:
    """Read a caption file, given relative to the dataset's folder, else to the working folder.

    A list whose entries, from the second on, begin with a space is one sentence that was split at its commas: it is
    joined again. Empty captions are dropped.

    Raises:
        InlayError: the file is missing, of another kind, damaged, or lacks the columns; the message names those found.
    """
    path = _located(tree, path)
    read = _READERS.get(splitext(path)[1].lower())
    if read is None:
        raise InlayError(f"data.listing.captions={path}: unknown kind of file. Use 'beside', {', '.join(_READERS)}.")
    by_name: dict[str, list[str]] = {}
    joined = nameless = controls = 0
    for name, said in read(tree, path):
        cleaned = [without_controls(text) for text in _texts(tree, path, name, said)]
        texts, controls = [text for text, _ in cleaned], controls + sum(count for _, count in cleaned)
        if len(texts) > 1 and [text.startswith(" ") for text in texts] == [False, *[True] * (len(texts) - 1)]:
            texts, joined = [",".join(texts)], joined + 1
        captions = [caption for text in texts if (caption := _tidy(text))]
        if name is None or not str(name).strip():
            nameless += 1
        elif captions:
            by_name.setdefault(posixpath.normpath(str(name).strip()), []).extend(captions)
    if not by_name:
        raise InlayError(f"{tree.root / path}: no captions with a picture's name in there. Check the file.")
    if nameless:
        tree.tell(f"{path}: {nameless:,} rows name no picture.")
    _tell_controls(tree, path, controls)
    if joined:
        tree.tell(f"{path}: {joined:,} lists of attributes were joined into one sentence each.", logging.INFO)
    return Captions(by_name)


def captioned(rows: Iterable[Record | RejectedFile], tree: Tree, source: str | None) -> Iterator[Record | RejectedFile]:
    """Rows with their captions, from a ``source``: ``beside``, a file for :func:`read_captions`, or None for none."""
    if source is None:
        yield from rows
        return
    captions = None if source == "beside" else read_captions(tree, source)
    used: set[str] = set()
    pictures = without = 0
    for row in rows:
        if not isinstance(row, RejectedFile):
            pictures += 1
            try:
                said = (
                    captions.of(row["image"]) if captions else read_sentences(tree, f"{splitext(row['image'])[0]}.txt")
                )
            except InlayError as error:
                yield RejectedFile(row["image"], f"its captions: {error}", row["split"])
                continue
            if captions and said:
                used.add(captions.name_of(row["image"]) or "")
            if said:
                row["captions"] = said
            else:
                without += 1
        yield row
    if without:
        tree.tell(f"captions={source}: {without:,} of {pictures:,} pictures have no caption.")
    if captions and (unused := [name for name in captions.by_name if name not in used]):
        tree.tell(f"captions={source}: {len(unused):,} names are no picture's, {unused[0]!r} for instance.")


def read_sentences(tree: Tree, path: str) -> list[str]:
    """The captions of a text file, one a line, none of a missing one; control characters and empty lines are dropped.

    Raises:
        InlayError: see :meth:`inlay.data.filesystem.Tree.text`.
    """
    if not tree.has(path):
        return []
    text, controls = without_controls(tree.text(path))
    _tell_controls(tree, path, controls)
    return sentences(text)


def sentences(text: str) -> list[str]:
    """The captions in a text, one a line; empty lines are dropped, and what stands for no letter becomes a space."""
    return [sentence for line in text.splitlines() if (sentence := _tidy(line))]


def _tell_controls(tree: Tree, path: str, count: int) -> None:
    if count:
        tree.tell(f"{path}: {count:,} control characters were dropped from its captions.")


def _located(tree: Tree, path: str) -> str:
    outside = not names_inside(tree.root, path)
    there = os.path.abspath(tree.root / path) if outside else path  # noqa: PTH100 - links are left as they are
    for place in (there, os.path.abspath(path)):  # noqa: PTH100
        if tree.has(place):
            return place
    raise InlayError(
        f"data.listing.captions={path}: no such file, neither in data.root={tree.root} nor in the working folder."
    )


def _texts(tree: Tree, path: str, name: object, said: object) -> list[str]:
    parts = [part for part in (said if isinstance(said, list) else [said]) if part is not None]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        raise InlayError(f"{tree.root / path}: {name}: expected a caption or a list of captions, got {str(said)[:80]}.")
    return texts


def _tidy(text: str) -> str:
    return " ".join(text.replace("\ufffd", " ").split())


def _from_json(tree: Tree, path: str) -> Iterator[_Pair]:
    content = _parsed(tree.text(path, _MOST), f"{tree.root / path}")
    if isinstance(content, dict):
        return iter(content.items())
    if isinstance(content, list):
        return _from_records(tree, path, content)
    raise InlayError(f"{tree.root / path}: expected an object of picture to caption, got {str(content)[:80]}.")


def _from_json_lines(tree: Tree, path: str) -> Iterator[_Pair]:
    rows = (_parsed(line, f"{tree.root / path}, line {number}") for number, line in tree.lines(path))
    return _from_records(tree, path, rows)


def _from_csv(tree: Tree, path: str) -> Iterator[_Pair]:
    try:
        yield from _from_records(tree, path, csv.DictReader(tree.raw_lines(path)))
    except csv.Error as error:
        raise InlayError(f"{tree.root / path}: damaged ({error}).") from error


def _from_records(tree: Tree, path: str, records: Iterable[object]) -> Iterator[_Pair]:
    for record in records:
        if not isinstance(record, dict):
            raise InlayError(f"{tree.root / path}: expected objects with columns, got {str(record)[:80]}.")
        name, caption = _column(tree, path, record, NAMES), _column(tree, path, record, CAPTIONS)
        yield record[name], record[caption]


def _from_parquet(tree: Tree, path: str) -> Iterator[_Pair]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with tree.open(path) as opened, parquet.ParquetFile(opened) as file:
            readable = _readable(file.schema_arrow)
            name, caption = (_column(tree, path, readable, wanted) for wanted in (NAMES, CAPTIONS))
            for batch in file.iter_batches(columns=[readable[name], readable[caption]]):
                names = (one["path"] if isinstance(one, dict) else one for one in batch.column(name).to_pylist())
                yield from zip(names, batch.column(caption).to_pylist(), strict=True)
    except (OSError, pa.ArrowException) as error:
        raise InlayError(f"{tree.root / path}: cannot be read ({error}).") from error


def _readable(schema: Any) -> dict[str, str]:
    """The columns of a table that can be read as text, and what to ask for: the bytes of pictures stay unread."""
    from pyarrow import types

    texts = {}
    pictures = {}  # as the Hugging Face hub keeps them: bytes and, perhaps, the name of their file
    for field in schema:
        if types.is_struct(field.type):
            if field.type.get_field_index("path") >= 0:
                pictures[field.name] = f"{field.name}.path"
        elif not (types.is_binary(field.type) or types.is_large_binary(field.type)):
            texts[field.name] = field.name
    return texts if any(name.strip().lower() in NAMES for name in texts) else pictures | texts


def _column(tree: Tree, path: str, found: Iterable[str], wanted: Sequence[str]) -> str:
    """The column that serves, in the order of what is wanted; capitals do not matter."""
    called = {column.strip().lower(): column for column in found if isinstance(column, str)}
    for name in wanted:
        if name in called:
            return called[name]
    raise InlayError(
        f"{tree.root / path}: none of its columns ({', '.join(called)}) is called {', '.join(wanted)}. Rename one."
    )


def _parsed(text: str, place: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InlayError(f"{place}: not JSON ({error}).") from None


_READERS: dict[str, Callable[[Tree, str], Iterator[_Pair]]] = {
    ".json": _from_json,
    ".jsonl": _from_json_lines,
    ".csv": _from_csv,
    ".parquet": _from_parquet,
}
