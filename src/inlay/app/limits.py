"""Limits of the page, and work that runs within them."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from inlay.errors import InlayError

Result = TypeVar("Result")
_MOST = 10**9  # of anything; seconds beyond are more than a thread can wait


@dataclass(frozen=True)
class Limits:
    """Largest values that the page accepts."""

    pixels: float = 50_000_000
    megabytes: int = 100
    """Of a file."""
    kept_megabytes: int = 2000
    """Of all files together that the page keeps for a while."""
    seconds: float = 300.0
    """For filling, all samples together; and for opening a picture."""
    samples: int = 8
    """In one request."""
    waiting: int = 16
    """Requests in the queue."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value <= _MOST:
                bound = f"at most {_MOST:,}" if value > 0 else "above 0"
                raise InlayError(f"{name} must be {bound}, got {value}.")
        if self.kept_megabytes < self.megabytes:
            raise InlayError(
                f"kept_megabytes={self.kept_megabytes} has no room for a file of {self.megabytes} megabytes. Raise it."
            )


class Work(NamedTuple):
    """Messages about a kind of work."""

    busy: str
    """While the work before it has not ended."""
    late: str
    """When it was given up after ``{seconds}``."""

    def too_late(self, seconds: float) -> InlayError:
        """The error of work that ran out of time."""
        return InlayError(self.late.format(seconds=f"{seconds:g} seconds"))


FILLING = Work(
    "The fill before this one is still at work. Wait a little, then press Fill again.",
    "The fill took more than {seconds}. Take a smaller picture, a faster model or fewer variations, or start the page "
    "with a larger --seconds.",
)
OPENING = Work(
    "The picture before this one is still being opened. Wait a little, then hand this one in again.",
    "Opening the picture took more than {seconds}. Save it anew with another program, or smaller, or start the page "
    "with a larger --seconds.",
)


class SerialExecutor:
    """Runs one piece of work after the other, each for a limited time.

    Python cannot stop a thread: work that ran out of time is left to end by itself, and nothing new begins before.
    """

    def __init__(self, seconds: float, kind: Work = FILLING) -> None:
        self.seconds, self.kind = seconds, kind
        self._last: Future[object] | None = None
        self._stopped = False

    def run(self, work: Callable[[], Result]) -> Result:
        """Run ``work()`` for its value or its error; refuse it where work that took too long has not ended yet."""
        if self._last is not None and not self._last.done():
            raise InlayError(self.kind.busy)
        outcome: Future[Result] = Future()
        self._last = outcome  # type: ignore[assignment]
        if self._stopped:
            outcome.cancel()
        else:
            Thread(target=_settle, args=(outcome, work), daemon=True).start()
        try:
            return outcome.result(self.seconds)
        except CancelledError:
            raise closing() from None
        except TimeoutError:
            if outcome.done():  # the work's own
                raise
            raise self.kind.too_late(self.seconds) from None

    def stop(self) -> None:
        """Stop waiting: requests that wait get an error now, and so do later ones."""
        self._stopped = True
        if self._last is not None:
            self._last.cancel()


def closing() -> InlayError:
    """The error of those who wait when the page ends."""
    return InlayError("Inlay was ended, and this page with it. Start it again, and load the page anew.")


def _settle(outcome: Future[Result], work: Callable[[], Result]) -> None:
    settle: Callable[[Any], None]
    value: Any
    try:
        settle, value = outcome.set_result, work()
    except BaseException as error:  # whoever waits gets it
        settle, value = outcome.set_exception, error
    with suppress(InvalidStateError):  # nobody waits any more
        settle(value)
