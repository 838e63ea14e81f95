"""How much the page takes on."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

from inlay.errors import InlayError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Limits:
    """What the page refuses.

    Attributes:
        pixels: of a picture.
        megabytes: of a file.
        seconds: for one press of the button, all samples together.
        samples: at once.
        waiting: how many requests may wait their turn.
    """

    pixels: int = 50_000_000
    megabytes: int = 100
    seconds: float = 300.0
    samples: int = 8
    waiting: int = 16

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InlayError(f"{name} must be above 0, got {value}.")


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
