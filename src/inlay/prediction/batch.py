"""Many pictures: the next ones are read and the last ones written while the model works."""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from inlay.errors import BadFile, InlayError, disk_refused
from inlay.images import LOSSY, count_pixels, log_unread
from inlay.pipeline import Filled, Inpainter, Job
from inlay.prediction.journal import Entry, Journal, made_of
from inlay.prediction.pairing import PredictItem, PredictPlan
from inlay.prediction.reading import read, write
from inlay.prediction.request import Request
from inlay.processes import env_rank_and_world

log = logging.getLogger(__name__)

_PIXELS = 16_000_000  # largest number that are filled together, unless one picture alone has more
_THREADS = 4  # which read and write while the model works

Part = Sequence[tuple[PredictItem, list[Job]]]
"""Pictures that are filled together."""


class BatchPredictor:
    """This process's share of the pictures; a process that was killed and is started again does what is missing.

    Raises:
        InlayError: the folder holds pictures that were made with other settings, or files that are not ours.
    """

    def __init__(self, request: Request, plan: PredictPlan, folder: Path, inpainter: Inpainter) -> None:
        self.request, self.plan, self.inpainter = request, plan, inpainter
        self.rank, self.world = env_rank_and_world()
        self.journal = Journal(folder, {"version": inpainter.filler.identity, **request.settings()})
        self.journal.check_ours(plan.items)
        mine = plan.items[self.rank :: self.world]
        self.todo = [item for item in mine if not self.journal.is_done(item)]
        self.done = len(mine) - len(self.todo)
        self.failed: dict[Path, str] = {}
        self._pool = ThreadPoolExecutor(_THREADS)
        self._parts: list[Part] = []
        self._writing: list[tuple[PredictItem, Entry, Future[None]]] = []
        self._start = 0.0

    def parts(self) -> Iterator[Part]:
        """Pictures that fit into memory together; the next ones are read while these are filled."""
        if not self.todo:
            log.info("Nothing to do: all %d pictures were filled before.", self.done)
            return
        waiting: list[tuple[PredictItem, Future[list[Job]]]] = []
        total = self.done + len(self.todo)
        with tqdm(total=total, initial=self.done, unit=" pictures", desc="filling") as bar:
            for group in chain(_groups(self.todo, self.request.options.batch), [[]]):  # the last turn reads nothing
                following = [(item, self._pool.submit(read, self.request, item)) for item in group]
                read_now = [(item, jobs) for item, reading in waiting if (jobs := self._result(item, reading))]
                self._parts = [read_now] if read_now else []
                while self._parts:
                    self._start = time.perf_counter()
                    yield self._parts.pop(0)
                bar.update(len(waiting))
                waiting = following

    def fail(self, part: Part, error: InlayError) -> None:
        """Pictures could not be filled: several are tried again one by one, a single one is noted."""
        if len(part) > 1:
            self._parts = [[each] for each in part]
        else:
            self._note_failure(part[0][0], error)

    def write(self, part: Part, filled: Sequence[Filled]) -> None:
        """Begin to write filled pictures, each with all of its samples.

        Raises:
            InlayError: the disk is full: nothing more can be written.
        """
        seconds, results = (time.perf_counter() - self._start) / len(part), iter(filled)
        self._settle()
        for item, jobs in part:
            own = [*islice(results, len(jobs) * self.request.samples)]
            entry = self._filled(item, jobs, own, seconds)
            self._writing.append((item, entry, self._pool.submit(write, item, jobs, own)))

    def finish(self) -> Path:
        """Wait for what is being written, and write the report; its path."""
        try:
            self._settle()
        finally:
            self._pool.shutdown(cancel_futures=True)  # what was to be read next
            report = self.journal.report(self.plan)
        return report

    def summarize(self) -> None:
        """Log how it went, and what was left out.

        Raises:
            InlayError: pictures could not be filled; not under torchrun, which would stop the other processes.
        """
        entries = [self.journal.entries.get(os.path.abspath(item.image)) for item in self.todo]  # noqa: PTH100
        used = Counter(entry["strategy"] for entry in entries if entry and "strategy" in entry)
        if used:
            log.info("Strategies: %s.", ", ".join(f"{name} {count}" for name, count in used.items()))
        for paths, what in (
            (self.plan.without_mask, "pictures have no mask"),
            (self.plan.without_picture, "masks have no picture"),
            (self.plan.without_text, "pictures have no caption beside them, so that the context decides"),
            *_lossy(self.todo),
        ):
            if paths:
                log.warning("%d %s; %s for instance.", len(paths), what, paths[0])
        unread, missing = self.plan.unread, ""
        if self.rank == 0:
            log_unread(unread)
        if self.failed:
            reason = next(iter(self.failed.values()))
            missing = f"{len(self.failed)} of {len(self.todo)} pictures could not be filled: {reason}"
        elif unread:
            reason = f"{unread[0].path}: {unread[0].reason}"
            missing = f"{len(unread)} in the folders could not be read, all others are filled: {reason}"
        if missing and self.world == 1:
            raise InlayError(missing)
        if missing:
            log.error(missing)

    def _result(self, item: PredictItem, reading: Future[list[Job]]) -> list[Job]:
        """What was read of a picture; empty where it failed."""
        try:
            jobs = reading.result()
        except InlayError as error:
            self._note_failure(item, error)
            return []
        self.journal.add(_entry(item, "started"))  # from now on its files are ours
        return jobs

    def _settle(self) -> None:
        """Wait for what is being written, and note it; a full disk is raised when all of it is noted."""
        writing, self._writing = self._writing, []
        full = None
        for item, entry, written in writing:
            try:
                written.result()
            except InlayError as error:
                self._note_failure(item, error)
                full = error if disk_refused(error) else full
            else:
                self.journal.add(entry)
        if full:
            raise full

    def _filled(self, item: PredictItem, jobs: Sequence[Job], filled: Sequence[Filled], seconds: float) -> Entry:
        entry = _entry(item, "filled")
        ratio = sum(int(job.hole.sum()) for job in jobs) / sum(job.hole.size for job in jobs)
        entry["hole_ratio"], entry["seconds"] = round(ratio, 6), round(seconds, 4)
        entry["strategy"] = filled[0].strategy
        entry["windows"] = sum(page.windows for page in filled[: len(jobs)])
        warnings = dict.fromkeys(warning for job in jobs for warning in job.warnings)
        entry["warnings"] = [*warnings, *self.inpainter.warnings(item.text)]
        if notes := [*dict.fromkeys(note for job in jobs for note in job.notes)]:
            entry["notes"] = notes
        return entry

    def _note_failure(self, item: PredictItem, error: InlayError) -> None:
        self.failed[item.image] = str(error)
        entry = _entry(item, "failed")
        entry["error"] = str(error)
        self.journal.add(entry)


def _entry(item: PredictItem, status: Literal["started", "filled", "failed"]) -> Entry:
    return Entry(
        image=os.fspath(item.image),
        status=status,
        made_of=made_of(item),
        outputs=[os.fspath(path) for path in item.written],
        mask=os.fspath(item.mask) if item.mask else None,
        text=item.text,
    )


def _lossy(items: Sequence[PredictItem]) -> Iterator[tuple[list[Path], str]]:
    outputs = [path for item in items for path in item.outputs]
    for kind in dict.fromkeys(LOSSY.values()):
        paths = [path for path in outputs if LOSSY.get(path.suffix.lower()) == kind]
        yield paths, f"pictures are {kind}, which changes every pixel a little; --format png keeps known ones"


def _groups(items: Sequence[PredictItem], most: int) -> Iterator[list[PredictItem]]:
    group: list[PredictItem] = []
    pixels = 0
    for item in items:
        try:
            more = count_pixels(item.image)
        except BadFile:
            more = 0  # reading it will say what is wrong
        if group and (len(group) == most or pixels + more > _PIXELS):
            yield group
            group, pixels = [], 0
        group.append(item)
        pixels += more
    if group:
        yield group
