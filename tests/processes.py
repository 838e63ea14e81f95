"""Training in processes of their own that start at once: a server has imported everything and forks.

They can be killed, and several of them can be the ranks of one run, as torchrun would start them.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

# one worker of pytest-xdist runs all of them, so that there is one server
GROUP = pytest.mark.xdist_group("processes")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


class Child:
    """A function that runs in a process of its own; what it prints goes to ``log``."""

    def __init__(self, log, function: Callable[..., Any], *arguments: Any, env: dict[str, str] | None = None) -> None:
        self.log = log
        self.process = _context.Process(target=_run, args=(str(log), env or {}, function, arguments))
        self.process.start()

    def wait(self, seconds: float = 120) -> int:
        """Its exit status; negative for a signal."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"no end within {seconds} s:\n{self.log.read_text()[-3000:]}")
        return self.process.exitcode

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)


def run(log, function, *arguments, env=None, seconds=120):
    """Run a function to its end; its exit status."""
    return Child(log, function, *arguments, env=env).wait(seconds)


def ranks(folder, world, function, *arguments, env=None):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world),
        "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
    } | (env or {})  # fmt: skip
    return [
        Child(folder / f"rank{r}.log", function, *arguments, env=common | {"RANK": str(r), "LOCAL_RANK": str(r)})
        for r in range(world)
    ]


def _run(log, env, function, arguments):
    import torch

    multiprocessing.set_start_method("fork", force=True)  # for its own children; it inherits the server's way
    os.setpgrp()  # workers go with it
    os.environ.update(env)
    with open(log, "a") as file:  # noqa: PTH123
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(BrokenPipeError):
        function(*arguments)
