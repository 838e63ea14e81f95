"""Printing of texts that others wrote: file names, captions and errors may hold codes that a terminal would obey."""

import copy
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
    from rich.segment import Segment

# Controls but for tab and newline, separators of lines, what turns the direction of letters (Unicode's embeddings,
# overrides and isolates), and halves of letters, which stand for bytes of a file's name that are no UTF-8.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_STYLE = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")  # of colors, and moves of the cursor
_BREAKS = re.compile("[\t\n]")
_OF_MARKDOWN = re.compile(r"[\\`*_\[\]<>|#~&]")


def printable(text: object, one_line: bool = False) -> str:
    r"""A text with everything that a terminal or a browser obeys as an escape: ``\x1b``, ``\x07``, ``\u202e``.

    Letters of all languages, tabs and ends of lines stay. It is no HTML and no Markdown yet: what writes those escapes
    their own marks besides.

    Args:
        text: anything; its ``str`` counts.
        one_line: show tabs and ends of lines as escapes, too, as in the name of a file.
    """
    seen = _OBEYED.sub(_escape, str(text))
    return _BREAKS.sub(_escape, seen) if one_line else seen


def markdown(text: object) -> str:
    """A text that Markdown, and the HTML made of it, shows as it is, on one line."""
    return _OF_MARKDOWN.sub(r"\\\g<0>", " ".join(printable(text).split()))


def code(text: object) -> str:
    """A text as Markdown's code, on one line; it cannot hold the mark that ends it."""
    return f"`{' '.join(printable(text).split()).replace('`', chr(39))}`"


def say(text: object, file: IO[str] | None = None) -> None:
    """Print a text as :func:`printable` shows it; a path on one line."""
    print(printable(text, isinstance(text, os.PathLike)), file=file, flush=True)


def console(**options: Any) -> "Console":
    """A console of Rich that takes texts as they are: brackets are brackets, and everything is :func:`printable`.

    Args:
        options: of :class:`rich.console.Console`.
    """
    from rich.console import Console

    shown = Console(markup=False, highlight=False, emoji=False, **options)
    shown.push_render_hook(cast("RenderHook", _Printable()))
    return shown


@contextmanager
def tee(path: str | os.PathLike[str]) -> Iterator[None]:
    """Also append what is printed meanwhile to a file, by whole lines: of a line that is drawn again, the last state.

    What logging writes to the terminal is not seen: its own handler writes it to the file.

    Args:
        path: of the file; a traceback that ends the work goes there, too.
    """
    with Path(path).open("a", encoding="utf-8", buffering=1) as file:
        ours = {name: _Tee(getattr(sys, name), file) for name in ("stdout", "stderr")}
        theirs = {name: getattr(sys, name) for name in ours}
        for name, stream in ours.items():
            setattr(sys, name, stream)
        try:
            yield
        except Exception:
            file.write(traceback.format_exc())
            raise
        finally:
            for name, stream in theirs.items():
                setattr(sys, name, stream)


class _Tee:
    """A stream of the terminal whose finished lines also go to a file."""

    def __init__(self, stream: IO[str], file: IO[str]) -> None:
        self._stream, self._file, self._begun = stream, file, ""

    def write(self, text: str) -> int:
        """Write to both."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            shown = _STYLE.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip()
            if shown or (not _STYLE.search(line) and not line.strip("\r")):
                self._file.write(f"{shown}\n")
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class LogFormatter(logging.Formatter):
    """Writes records of the log as :func:`printable` shows them, each value in a message on one line.

    Args:
        options: of :class:`logging.Formatter`.
        rewrite: applied to each line.
    """

    def __init__(self, *options: Any, rewrite: Callable[[str], str] = str) -> None:
        super().__init__(*options)
        self._rewrite = rewrite

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record, with its traceback, if it has one."""
        shown = copy.copy(record)
        if isinstance(record.args, tuple):
            foreign = (str, os.PathLike, BaseException)
            shown.args = tuple(printable(a, one_line=True) if isinstance(a, foreign) else a for a in record.args)
        return self._rewrite(printable(super().format(shown)))


def log_to_terminal(rewrite: Callable[[str], str] = str) -> None:
    """Show the log of a command on stderr, from level INFO upwards; ``rewrite`` is applied to each line."""
    terminal = logging.StreamHandler()
    terminal.setFormatter(LogFormatter("%(levelname)s: %(message)s", rewrite=rewrite))
    logging.basicConfig(level=logging.INFO, handlers=[terminal])


class PrintableStream:
    """A stream that lets what others write through as :func:`printable` shows it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Printable:
    """A hook of Rich: looks at what is about to be written, when colors and text are still apart."""

    def process_renderables(self, renderables: "list[ConsoleRenderable]") -> "list[ConsoleRenderable]":
        return [_Shown(each) for each in renderables]


class _Shown:
    def __init__(self, renderable: "ConsoleRenderable") -> None:
        self.renderable = renderable

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Segment]":
        for segment in console.render(self.renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
