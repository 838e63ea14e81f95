"""Texts that others wrote, in whatever letters their program took: UTF-8, UTF-16, or those of old Windows."""

import codecs
import re
from collections.abc import Callable, Iterator
from io import BufferedReader, TextIOWrapper

_MARKS = (  # the longer ones first: one begins like another
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ODD = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as Python keeps them
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")  # but for tab and ends of lines


def lines_of(file: BufferedReader, longest: int, remark: Callable[[str], None]) -> Iterator[str]:
    """The lines of a text file, without holding it; they end in newlines, and a byte order mark is left out.

    What is no UTF-8 and does not look like UTF-16 is read as cp1252, byte by byte, and that is remarked on once.

    Args:
        file: as :func:`inlay.files.open_regular` opens it; it is closed at the end.
        longest: characters of a line; of a longer one, one more comes and then the rest.
        remark: called with a sentence on what was odd.
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
