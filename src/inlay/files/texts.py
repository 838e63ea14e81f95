"""Texts that others wrote, in whatever encoding their program took, and tables as CSV that hold such texts."""

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader, StringIO, TextIOWrapper

_MARKS = (  # the longer ones first: one begins like another
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ODD = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as Python keeps them
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")  # but for tab and ends of lines
_COMPUTED = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
_MARK = "'"


def lines_of(file: BufferedReader, longest: int, remark: Callable[[str], None]) -> Iterator[str]:
    """The lines of a text file, without holding it; they end in newlines, and a byte order mark is left out.

    What is no UTF-8 and does not look like UTF-16 is read as cp1252, byte by byte, and that is remarked on once. Of a
    line beyond ``longest`` characters, one more comes and then the rest. The file is closed at the end.
    """
    remarked = False
    with TextIOWrapper(file, encoding=_encoding(file.peek(4096)[:4096]), errors="surrogateescape") as text:
        for line in iter(lambda: text.readline(longest + 1), ""):
            mended = _ODD.sub(_western, line)
            if mended != line and not remarked:
                remarked = True
                remark("neither UTF-8 nor UTF-16; its odd bytes were read as cp1252. Save it as UTF-8.")
            yield mended


def without_controls(text: str) -> tuple[str, int]:
    """A text without its control characters, and how many there were; tabs and ends of lines stay."""
    return _CONTROLS.subn("", text)


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    first, second = (head[place::2].count(0) * 5 > len(head) for place in (0, 1))  # of each two bytes
    if first != second:  # most letters of most languages have a zero in the upper byte, and a text has no zeros
        return "utf-16-be" if first else "utf-16-le"
    return "utf-8-sig"


def _western(found: re.Match[str]) -> str:
    return bytes([ord(found[0]) - 0xDC00]).decode("cp1252", "replace")


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
