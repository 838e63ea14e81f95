"""A run that a cluster asks to stop: a checkpoint at the next edge of a step, and out."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from inlay import stopping
from inlay.distributed import all_reduce_any
from inlay.errors import InlayError, Preempted, requeue_status


class Preemption(pl.Callback):
    """Take SIGTERM, SIGHUP, SIGUSR1 and the first Ctrl-C as the wish that the run be saved and go on later.

    The exit status is then that of :func:`inlay.errors.requeue_status`. Asked again, the run only goes on stopping.
    All processes stop after the same step, whichever of them was asked. SIGUSR2 is handled, too, where submitit
    listens to it already, whose listener is to be called when everything is saved (:mod:`inlay.cli.trials`).

    Args:
        grace: seconds to reach the edge of a step. After that the process ends, and the latest checkpoint stands: a
            step, or another process, hangs.

    Raises:
        InlayError: ``grace`` is out of range.
    """

    def __init__(self, grace: float = 60.0) -> None:
        if grace <= 0:
            raise InlayError(f"callbacks.preemption.grace must be above 0 seconds, got {grace}.")
        self.grace = grace
        self._asked: int | None = None
        self._earlier: dict[signal.Signals, Any] = {}
        self._calm = threading.Event()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen from before the run has a folder: who asks then is answered when the first checkpoint is there."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may
            return
        self._earlier = {number: signal.getsignal(number) for number in stopping.signals()}
        self._calm.clear()
        try:
            with stopping.watched(self._watch):
                self._listen()
                yield
        finally:
            self._rest()

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the place of Lightning, which takes SIGTERM as the training starts and would save nothing."""
        self._listen()

    on_train_start = on_sanity_check_start  # where no sanity check ran before

    def _listen(self) -> None:
        for number in self._earlier:
            if number != signal.SIGINT or self._asked is None:  # who presses Ctrl-C again means it
                signal.signal(number, self._ask)

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        self._stop_if_asked(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """A resumed run does the validation again. Several processes end it: they have other numbers of batches."""
        if trainer.world_size == 1 and not trainer.sanity_checking:
            self._stop_if_asked(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What remains is done in any case, and soon."""
        self._calm.set()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Let nothing interrupt the saving that follows."""
        self._calm.set()
        if not isinstance(exception, Preempted):
            self._rest()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        stopping.survive_hangup()
        if number == signal.SIGINT:
            print("stopping after this step; Ctrl-C again stops at once.", file=sys.stderr)
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._asked is None:
            self._asked = number

    def _stop_if_asked(self, trainer: pl.Trainer) -> None:
        asked = self._asked is not None
        if trainer.world_size > 1:
            asked = all_reduce_any(asked, trainer.strategy.root_device)
        if asked:
            by = signal.Signals(self._asked).name if self._asked else "a signal to another process"
            raise Preempted(f"{by} after {trainer.global_step} iterations. The same command with resume=last goes on.")

    def _watch(self, number: int) -> None:
        """End the process where it hangs; this is called in a thread of its own."""
        if number not in self._earlier or self._calm.wait(self.grace):
            return
        stopping.survive_hangup()
        print(f"preempted: no step ended within {self.grace:g} s; the latest checkpoint stands.", file=sys.stderr)
        sys.stderr.flush()
        os._exit(requeue_status())

    def _rest(self) -> None:
        self._calm.set()
        for number, earlier in self._earlier.items():
            signal.signal(number, earlier)
