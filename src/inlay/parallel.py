"""A function over many things in several processes, in order and in bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from inlay.errors import InlayError

In = TypeVar("In")
Out = TypeVar("Out")

_CHUNK = 32
_AHEAD = 4  # chunks a process that wait or are worked on


def ordered_map(function: Callable[[In], Out], things: Iterable[In], workers: int) -> Iterator[Out]:
    """``map`` over processes: results in the order of the things, which are taken only as they are needed.

    Args:
        function: picklable; what it raises is raised here.
        things: any number of them, also endlessly many.
        workers: how many processes; 0 or 1 works in this one.

    Raises:
        InlayError: a process was killed (by the system, when memory ran out).
    """
    if workers < 2:
        yield from map(function, things)
        return
    things = iter(things)
    # Spawned, not forked: by now this process may have threads, of torch for instance.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    waiting: deque[Future[list[Out]]] = deque()
    try:
        while True:
            while len(waiting) < workers * _AHEAD and (chunk := list(islice(things, _CHUNK))):
                waiting.append(pool.submit(_all, function, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise InlayError("a worker process was killed, perhaps for want of memory. Try again with fewer.") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _all(function: Callable[[In], Out], chunk: list[In]) -> list[Out]:
    return [function(thing) for thing in chunk]


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
