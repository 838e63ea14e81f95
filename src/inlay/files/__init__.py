"""Files: opened with suspicion, written whole or not at all, and folders that one process uses at a time."""

from inlay.files.home import at_home
from inlay.files.links import check_links
from inlay.files.locking import alone, held
from inlay.files.reading import SUSPICIOUS, inside, names_inside, open_regular, read_bytes, read_text
from inlay.files.tables import csv_bytes, csv_rows
from inlay.files.texts import lines_of, without_controls
from inlay.files.walking import Found, found, walk
from inlay.files.writing import (
    append,
    flush_names,
    flushed,
    new_folder,
    partly,
    remove_leftovers,
    replacing,
    write_bytes,
    write_text,
)

__all__ = [
    "SUSPICIOUS",
    "Found",
    "alone",
    "append",
    "at_home",
    "check_links",
    "csv_bytes",
    "csv_rows",
    "flush_names",
    "flushed",
    "found",
    "held",
    "inside",
    "lines_of",
    "names_inside",
    "new_folder",
    "open_regular",
    "partly",
    "read_bytes",
    "read_text",
    "remove_leftovers",
    "replacing",
    "walk",
    "without_controls",
    "write_bytes",
    "write_text",
]
