"""The one exception for mistakes that a user can mend, and how entry points report it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class InlayError(Exception):
    """A mistake outside the program: its message names what was wrong and what to do.

    Entry points print the message on one line and exit with status 1; every other exception is a defect of Inlay.
    """


@contextmanager
def reported() -> Iterator[None]:
    """Turn an :class:`InlayError`, also one wrapped by a library, into one line on stderr and exit status 1."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, InlayError):
            cause = cause.__cause__
        if cause is None:
            raise
        print(f"error: {_one_line(str(cause))}", file=sys.stderr)
        raise SystemExit(1) from None


def _one_line(message: str) -> str:
    if "Traceback (most recent call last)" in message:  # a DataLoader worker hands its traceback over as the message
        message = message.strip().splitlines()[-1].removeprefix(f"{InlayError.__module__}.{InlayError.__name__}: ")
    return " ".join(message.split("\n"))
