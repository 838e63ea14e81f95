"""Comparing an index with the files that it names."""

import json
from functools import partial
from pathlib import Path

from tqdm import tqdm

from inlay.data.index import read_rows
from inlay.data.prepare import about_file, examine
from inlay.data.records import Record, check_inside, names_of
from inlay.errors import InlayError
from inlay.files import read_text
from inlay.parallel import ordered_map


def root_of(index: Path) -> Path:
    """The folder that an index was made from.

    Raises:
        InlayError: that is not noted beside the index.
    """
    try:
        return Path(json.loads(read_text(about_file(index)))["root"])
    except (InlayError, ValueError, KeyError, TypeError):
        raise InlayError(f"{index}: where its pictures lie is not noted in {about_file(index)}. Give --root.") from None


def check(index: Path, root: Path, workers: int) -> tuple[int, list[tuple[str, str]]]:
    """Decode every picture of an index and compare it with its row, with a progress bar.

    Returns:
        How many pictures are as they should be, and the others, each with what is wrong with it.
    """
    total = sum(1 for _ in read_rows(index))
    found = ordered_map(partial(_compare, root), read_rows(index), workers)
    wrong = [one for one in tqdm(found, desc=index.name, total=total, unit=" pictures") if one]
    return total - len(wrong), wrong


def _compare(root: Path, row: Record) -> tuple[str, str] | None:
    try:
        check_inside(root, names_of(row), "the index")
    except InlayError as error:
        return row["image"], str(error)
    now, refused, *_ = examine(root, row, keep_damaged=True)[1:]
    if refused:
        return refused[0].file, refused[0].reason
    assert now is not None
    for key in ("size", "sha256"):
        if key in row and row[key] != now[key]:
            return row["image"], f"{key} was {row[key]}, is {now[key]}"
    return None
