"""Signals that ask a command to stop: which they are, and how it stops while nothing is trained."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from inlay.errors import REQUEUE, importing, requeue_status

_NAMES = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT")  # Windows has two of them
_wakeup: int | None = None  # descriptor that the system writes the numbers of signals to
_PATIENCE = 20.0  # seconds to tidy up in
_GO_ON = "The same command starts it again, with resume=auto where it stopped."


def signals() -> list[signal.Signals]:
    """The signals that ask this process to stop: those of clusters, of a terminal that closes, and Ctrl-C.

    SIGHUP is left out where nohup ignores it; SIGUSR2 is included where submitit listens to it.
    """
    there = {name: getattr(signal, name) for name in _NAMES if hasattr(signal, name)}
    if "SIGHUP" in there and signal.getsignal(there["SIGHUP"]) == signal.SIG_IGN:
        del there["SIGHUP"]
    if "SIGUSR2" in there and not callable(signal.getsignal(there["SIGUSR2"])):
        del there["SIGUSR2"]
    return list(there.values())


def listen() -> None:
    """Until training listens for itself, end at once where a signal asks to stop.

    For the first line of a command: what it imports takes seconds. See :func:`inlay.errors.requeue_status`.
    """
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        if os.getpid() != process:  # forked from it: all else is the other one's
            os._exit(REQUEUE)
        survive_hangup()
        print(f"preempted: {signal.Signals(number).name}. {_GO_ON}", file=sys.stderr, flush=True)
        if importing(frame):  # there is nothing to tidy up yet
            os._exit(requeue_status())
        overdue = threading.Timer(_PATIENCE, os._exit, [requeue_status()])  # or a library let the exception get lost
        overdue.daemon = True
        overdue.start()
        raise SystemExit(requeue_status())

    for number in signals():
        signal.signal(number, stop)


@contextmanager
def watched(react: Callable[[int], None]) -> Iterator[None]:
    """Call a function in a thread of its own for each signal that this process has a handler for.

    Also where the main thread hangs in a library: handlers in Python wait until it returns.
    """
    global _wakeup
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    _wakeup = writer

    def watch() -> None:
        with open(reader, "rb", buffering=0) as numbers:  # noqa: PTH123 -- Path.open takes no descriptor
            while number := ord(numbers.read(1)):
                react(number)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        _wakeup = None
        signal.set_wakeup_fd(before)
        os.write(writer, b"\0")
        os.close(writer)


def _forget() -> None:
    """A forked process does not write its signals to the pipe of its parent."""
    if _wakeup is not None:
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def survive_hangup() -> None:
    """Discard output where the terminal, or the other end of a pipe, is gone: writing there would end the process."""
    if not hasattr(select, "poll"):
        return
    for descriptor in (1, 2):
        there = select.poll()
        there.register(descriptor, 0)
        if there.poll(0):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
