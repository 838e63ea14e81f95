"""Files: opened with suspicion, written whole or not at all, and folders that one process uses at a time."""

from inlay.files.atomic import (
    append,
    new_folder,
    remove_leftovers,
    replace_link,
    replacing,
    replacing_all,
    write_bytes,
    write_text,
)
from inlay.files.locking import file_lock, held
from inlay.files.paths import SUSPICIOUS, at_home, check_links, inside, names_inside
from inlay.files.reading import open_regular, read_bytes, read_text
from inlay.files.texts import csv_bytes, csv_rows, lines_of, without_controls
from inlay.files.walking import Found, found, walk

__all__ = [
    "SUSPICIOUS",
    "Found",
    "append",
    "at_home",
    "check_links",
    "csv_bytes",
    "csv_rows",
    "file_lock",
    "found",
    "held",
    "inside",
    "lines_of",
    "names_inside",
    "new_folder",
    "open_regular",
    "read_bytes",
    "read_text",
    "remove_leftovers",
    "replace_link",
    "replacing",
    "replacing_all",
    "walk",
    "without_controls",
    "write_bytes",
    "write_text",
]
