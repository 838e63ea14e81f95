"""The exception for mistakes that a user can mend, the kinds that a run can survive, and how entries report it."""

import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from inlay.printing import say


class InlayError(Exception):
    """A mistake outside the program: its message names what was wrong and what to do.

    Entry points print the message on one line and exit with status 1; every other exception is a defect of Inlay.
    """


class BadFile(InlayError):
    """A file that cannot be used: missing, damaged, too large. A run may go on without it (``data.on_bad_file``).

    Attributes:
        path: of the file.
        reason: why, without the path.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str = "") -> None:
        # A DataLoader rebuilds what a worker raised from its message alone: one argument must do.
        super().__init__(path, reason)
        self.path, self.reason = os.fspath(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.reason else self.path


class Missing(InlayError):
    """An optional part is not installed or not found: weights, a library. The message names where to put it."""


class NoHole(InlayError):
    """A picture that a mask family finds no usable hole in; another picture takes its place, and it is listed."""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {*_FULL, errno.EROFS}

# What PyTorch says of workers of a DataLoader.
MORE_SHARED_MEMORY = "In a container: docker run --shm-size=1g. Else train with data.num_workers=0"
_GO_ON = "A training goes on with resume=last."
_NO_SHARED_MEMORY = re.compile(r"killed by signal: Bus error|unable to [\w ()]*<?/torch_\S*: No space left on device")
_LOST = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (?:is killed by signal: ([\w ]+)|exited unexpectedly)"
)

_TRACEBACK = "Traceback (most recent call last)"
_INTERRUPTED = 130  # exit status: 128, and the number of SIGINT

REQUEUE = 75
"""Exit status of a run that was asked to stop and can go on: temporary failure, EX_TEMPFAIL of sysexits.h."""


class Preempted(BaseException):
    """The run was asked to stop by a signal; it was saved, and goes on where it is started again.

    Like an interrupt from the keyboard no mistake, so no handler of mistakes takes it.
    """


def requeue_status() -> int:
    """Exit status of this process, where it was asked to stop: :data:`REQUEUE`.

    A process that Lightning started beside the first one ends with 0: for any other status Lightning kills the first
    one, whose status is the run's.
    """
    return 0 if any(word.startswith("hydra.job.name=train_ddp_process_") for word in sys.argv) else REQUEUE


def one_line(error: BaseException) -> str:
    """The type of an exception and the first line of its message.

    A DataLoader hands the traceback of a worker over as the message; its last line is the worker's own exception.
    """
    lines = str(error).strip().splitlines()
    return lines[-1] if _TRACEBACK in str(error) else ": ".join([type(error).__name__, *lines[:1]])


def unwritable(path: str | os.PathLike[str], error: OSError) -> InlayError:
    """An error that a file cannot be written, with the remedy: free space if the disk is full, else another place."""
    remedy = "Make room there, and start it again" if error.errno in _FULL else "Choose another place"
    return InlayError(f"{os.fspath(path)}: cannot be written ({error.strerror or error}). {remedy}.")


def disk_refused(error: BaseException | None) -> bool:
    """Whether an exception, or one of its causes, is a disk that is full or read-only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSED:
            return True
        error = error.__cause__
    return False


@contextmanager
def reported(rewrite: Callable[[str], str] = str) -> Iterator[None]:
    """Turn an :class:`InlayError`, also one wrapped by a library, into one line on stderr and exit status 1.

    Args:
        rewrite: applied to its message.

    A run that was preempted exits with :func:`requeue_status`.
    """
    try:
        yield
    except Preempted as preempted:
        say(f"preempted: {preempted}", sys.stderr)
        raise SystemExit(requeue_status()) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _REFUSED:
            message: str | None = f"{error}. Make room, or write elsewhere; a training goes on with resume=last."
        else:
            message = _mistake(error)
        if message is None:
            raise
        say(f"error: {rewrite(message)}", sys.stderr)
        raise SystemExit(1) from None


@contextmanager
def interrupted(left: str = "the same command goes on with what is missing.") -> Iterator[None]:
    """Turn Ctrl-C into one line and exit status 130, for work that can be started again.

    Args:
        left: the end of the line, on how the work can go on.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if importing(frame):
            say(f"interrupted: {left}", sys.stderr)
            os._exit(_INTERRUPTED)
        raise KeyboardInterrupt

    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted: {left}", sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: an exception may get lost there, or leave half of the module."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _mistake(error: BaseException | None) -> str | None:
    """The message of an error that a user can mend; None for a defect of Inlay."""
    while error is not None:
        if isinstance(error, InlayError):
            message = str(error)
            if _TRACEBACK in message:  # of a worker, whose exception is its last line
                message = re.sub(rf"^{__name__}\.\w+: ", "", message.strip().splitlines()[-1])
            return " ".join(message.split("\n"))
        if lost := _lost_worker(error):
            return lost
        error = error.__cause__
    return None


def _lost_worker(error: BaseException) -> str | None:
    """What to do about a DataLoader worker that died, or full shared memory; None for any other error."""
    if not isinstance(error, RuntimeError):
        return None
    if _NO_SHARED_MEMORY.search(str(error)):
        return f"the memory that workers share (/dev/shm) is full. {MORE_SHARED_MEMORY}. {_GO_ON}"
    if lost := _LOST.search(str(error)):
        by = f" ({lost[2]})" if lost[2] else ""
        return (
            f"a process that loads data (pid {lost[1]}) was killed{by}. "
            f"The system kills such processes when memory runs out: lower data.num_workers or data.batch_size. {_GO_ON}"
        )
    return None
