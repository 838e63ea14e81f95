"""How much the page takes on."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

from inlay.errors import InlayError

Answer = TypeVar("Answer")
_MOST = 10**9  # of anything; seconds beyond are more than a thread can wait


@dataclass(frozen=True)
class Limits:
    """What the page refuses.

    Attributes:
        pixels: of a picture.
        megabytes: of a file.
        kept_megabytes: of all files together that the page keeps for a while.
        seconds: for one press of the button, all samples together.
        samples: at once.
        waiting: how many requests may wait their turn.
    """

    pixels: float = 50_000_000
    megabytes: int = 100
    kept_megabytes: int = 2000
    seconds: float = 300.0
    samples: int = 8
    waiting: int = 16

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value <= _MOST:
                bound = f"at most {_MOST:,}" if value > 0 else "above 0"
                raise InlayError(f"{name} must be {bound}, got {value}.")
        if self.kept_megabytes < self.megabytes:
            raise InlayError(
                f"kept_megabytes={self.kept_megabytes} has no room for a file of {self.megabytes} megabytes. Raise it."
            )


class OneAtATime:
    """Runs one piece of work after the other, each for a limited time.

    Python cannot stop a thread: work that ran out of time is left to end by itself, and nothing new begins before.

    Args:
        seconds: for each piece.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last: Future[object] | None = None

    def run(self, work: Callable[[], Answer]) -> Answer:
        """What ``work()`` returns or raises.

        Raises:
            InlayError: it took too long, or what took too long before it has not ended yet.
        """
        if self._last is not None and not self._last.done():
            raise InlayError("The fill before this one is still at work. Wait a little, then press Fill again.")
        outcome: Future[Answer] = Future()
        self._last = outcome  # type: ignore[assignment]
        Thread(target=_settle, args=(outcome, work), daemon=True).start()
        try:
            return outcome.result(self.seconds)
        except TimeoutError:
            if outcome.done():  # the work's own
                raise
            raise too_late(self.seconds) from None


def too_late(seconds: float) -> InlayError:
    """What to say of work that ran out of time."""
    return InlayError(
        f"The fill took more than {seconds:g} seconds. Take a smaller picture, the strategy crop or fewer samples, or "
        "start the page with a larger --seconds."
    )


def _settle(outcome: Future[Answer], work: Callable[[], Answer]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # whoever waits gets it
        outcome.set_exception(error)
