"""Tables as CSV that hold what others wrote: captions, names of files, messages."""

import csv
from collections.abc import Iterable
from io import StringIO

_COMPUTED = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
_MARK = "'"


def csv_bytes(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows as CSV in UTF-8, to be written or appended.

    A text that a spreadsheet would compute is marked by an apostrophe in front, which :func:`csv_rows` takes away;
    numbers stay as they are.
    """
    stream = StringIO()
    csv.writer(stream).writerows([_marked(cell) for cell in row] for row in rows)
    return stream.getvalue().encode()


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """Rows that :func:`csv_bytes` wrote, as mappings from the names in its first row.

    A last line that a killed process left half of is no row.

    Raises:
        ValueError: the content is no such table.
    """
    whole = content[: content.rfind(b"\n") + 1].decode("utf-8-sig")
    try:
        head, *rows = [[_bare(cell) for cell in row] for row in csv.reader(StringIO(whole, newline=""))] or [[]]
    except csv.Error as error:
        raise ValueError(f"no CSV ({error})") from error
    if rows and len(rows[-1]) < len(head):  # cut off at a line's end within a cell
        rows.pop()
    return [dict(zip(head, row, strict=True)) for row in rows]


def _marked(cell: object) -> object:
    return f"{_MARK}{cell}" if _is_computed(str(cell)) else cell


def _bare(cell: str) -> str:
    return cell[len(_MARK) :] if cell.startswith(_MARK) and _is_computed(cell) else cell


def _is_computed(cell: str) -> bool:
    """Whether it is a formula, or one behind marks, which come from elsewhere then."""
    return cell.lstrip(_MARK).startswith(_COMPUTED) and not _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
