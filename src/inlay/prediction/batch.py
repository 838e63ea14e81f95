"""Many pictures: reading and writing go on beside the model, and a report says what became of each."""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Literal, NamedTuple

from tqdm import tqdm

from inlay.errors import BadFile, InlayError, disk_refused
from inlay.images import LOSSY, Picture, count_pixels, tell_unread
from inlay.pipeline import Filled, Inpainter
from inlay.prediction.journal import Entry, Journal, made_of
from inlay.prediction.pairing import PredictItem, PredictPlan
from inlay.prediction.reading import LoadedItem, jobs, read, write
from inlay.prediction.request import Request
from inlay.processes import env_rank_and_world

log = logging.getLogger(__name__)

_PIXELS = 16_000_000
"""Of the pictures that are filled together, unless one alone has more."""
_THREADS = 4
"""That read and write while the model works."""

Reading = tuple[PredictItem, Future[LoadedItem]]


class _Writing(NamedTuple):
    """An answer on its way to the disk."""

    task: PredictItem
    entry: Entry
    written: Future[None]


class BatchPredictor:
    """This process's share of the pictures.

    Args:
        request: how they are filled.
        tasks: all of them.
        folder: that the answers go to.
        inpainter: fills them.

    Raises:
        InlayError: the folder holds pictures that were made otherwise, or files that are not ours.
    """

    def __init__(self, request: Request, tasks: PredictPlan, folder: Path, inpainter: Inpainter) -> None:
        self.request, self.tasks, self.inpainter = request, tasks, inpainter
        self.rank, self.world = env_rank_and_world()
        self.journal = Journal(folder, {"version": inpainter.filler.identity, **request.settings()})
        self.journal.check_ours(tasks.tasks)
        self.failed: dict[Path, str] = {}
        self._writing: list[_Writing] = []

    def run(self) -> Path:
        """Fill what is not filled yet; a process that was killed and is started again does what is missing.

        Returns:
            The report's path.

        Raises:
            InlayError: the disk refuses; or, when the others are filled, a picture could not be.
        """
        mine = self.tasks.tasks[self.rank :: self.world]
        todo = [task for task in mine if not self.journal.is_done(task)]
        try:
            if todo:
                self._fill(todo, len(mine) - len(todo))
            else:
                log.info("Nothing to do: all %d pictures were filled before.", len(mine))
        finally:
            report = self.journal.report(self.tasks)
        self._tell(todo)
        return report

    def _fill(self, todo: Sequence[PredictItem], done: int) -> None:
        pool = ThreadPoolExecutor(_THREADS)
        try:
            with tqdm(total=done + len(todo), initial=done, unit=" pictures", desc="filling") as bar:
                for group in self._ahead(pool, todo):
                    given = [each for task, reading in group if (each := self._had(task, reading))]
                    answers = self._answers(given)
                    self._settle()
                    self._writing = [
                        _Writing(each.task, entry, pool.submit(write, each, filled)) for each, filled, entry in answers
                    ]
                    bar.update(len(group))
        finally:
            try:
                self._settle()
            finally:
                pool.shutdown(cancel_futures=True)  # what was to be read next

    def _ahead(self, pool: ThreadPoolExecutor, todo: Sequence[PredictItem]) -> Iterator[list[Reading]]:
        """Groups of pictures; the next one is read while the model works on this one."""
        waiting: list[Reading] = []
        for group in chain(_groups(todo, self.request.how.batch), [[]]):
            following = [(task, pool.submit(read, self.request, task)) for task in group]
            if waiting:
                yield waiting
            waiting = following

    def _had(self, task: PredictItem, reading: Future[LoadedItem]) -> LoadedItem | None:
        try:
            given = reading.result()
        except InlayError as error:
            self._fails(task, error)
            return None
        self.journal.add(_entry(task, "started"))  # from now on its files are ours
        return given

    def _answers(self, group: list[LoadedItem]) -> list[tuple[LoadedItem, list[Picture], Entry]]:
        """Of a group; where it fails together, one by one."""
        if not group:
            return []
        start = time.perf_counter()
        try:
            filled = self.inpainter.fill_jobs([job for given in group for job in jobs(self.request, given)])
        except InlayError as error:
            if len(group) > 1:
                return [answer for given in group for answer in self._answers([given])]
            self._fails(group[0].task, error)
            return []
        seconds = (time.perf_counter() - start) / len(group)
        answers = iter(filled)
        parts = ((given, [*islice(answers, len(given.pages) * self.request.samples)]) for given in group)
        return [(given, [each.picture for each in part], self._filled(given, part, seconds)) for given, part in parts]

    def _settle(self) -> None:
        """Wait for what is being written, and note it.

        Raises:
            InlayError: the disk is full: nothing more can be written.
        """
        writing, self._writing = self._writing, []
        full = None
        for task, entry, written in writing:
            try:
                written.result()
            except InlayError as error:
                self._fails(task, error)
                full = error if disk_refused(error) else full
            else:
                self.journal.add(entry)
        if full:
            raise full

    def _filled(self, given: LoadedItem, filled: Sequence[Filled], seconds: float) -> Entry:
        task, (first, *_) = given.task, filled
        entry = _entry(task, "filled")
        entry["hole_ratio"], entry["seconds"] = round(given.hole_ratio, 6), round(seconds, 4)
        entry["strategy"] = first.strategy
        entry["windows"] = sum(page.windows for page in filled[: len(given.pages)])
        entry["doubts"] = [*given.doubts, *self.inpainter.doubts(task.text)]
        if given.left_out:
            entry["left_out"] = given.left_out
        return entry

    def _fails(self, task: PredictItem, error: InlayError) -> None:
        self.failed[task.image] = str(error)
        entry = _entry(task, "failed")
        entry["error"] = str(error)
        self.journal.add(entry)

    def _tell(self, todo: Sequence[PredictItem]) -> None:
        """Say how it went, and what was left out.

        Raises:
            InlayError: pictures could not be filled; not under torchrun, which would stop the other processes.
        """
        entries = [self.journal.entries.get(os.path.abspath(task.image)) for task in todo]  # noqa: PTH100
        used = Counter(entry["strategy"] for entry in entries if entry and "strategy" in entry)
        if used:
            log.info("Strategies: %s.", ", ".join(f"{name} {count}" for name, count in used.items()))
        for paths, what in (
            (self.tasks.without_mask, "pictures have no mask"),
            (self.tasks.without_picture, "masks have no picture"),
            (self.tasks.without_text, "pictures have no caption beside them, so that the context decides"),
            *_lossy(todo),
        ):
            if paths:
                log.warning("%d %s; %s for instance.", len(paths), what, paths[0])
        if self.rank == 0:
            tell_unread(self.tasks.unread)
        if told := self._shortfall(len(todo)):
            if self.world == 1:
                raise InlayError(told)
            log.error(told)

    def _shortfall(self, todo: int) -> str:
        """What was asked for and is not there; empty where all is."""
        if self.failed:
            reason = next(iter(self.failed.values()))
            return f"{len(self.failed)} of {todo} pictures could not be filled: {reason}"
        if unread := self.tasks.unread:
            told = f"{unread[0].path}: {unread[0].reason}"
            return f"{len(unread)} in the folders could not be read, all others are filled: {told}"
        return ""


def _entry(task: PredictItem, status: Literal["started", "filled", "failed"]) -> Entry:
    return Entry(
        image=os.fspath(task.image),
        status=status,
        made_of=made_of(task),
        outputs=[os.fspath(path) for path in task.written],
        mask=os.fspath(task.mask) if task.mask else None,
        text=task.text,
    )


def _lossy(tasks: Sequence[PredictItem]) -> Iterator[tuple[list[Path], str]]:
    outputs = [path for task in tasks for path in task.outputs]
    for kind in dict.fromkeys(LOSSY.values()):
        paths = [path for path in outputs if LOSSY.get(path.suffix.lower()) == kind]
        yield paths, f"pictures are {kind}, which changes every pixel a little; --format png keeps known ones"


def _groups(tasks: Sequence[PredictItem], most: int) -> Iterator[list[PredictItem]]:
    """Neighbors that fit into memory together."""
    group: list[PredictItem] = []
    pixels = 0
    for task in tasks:
        more = _pixels(task.image)
        if group and (len(group) == most or pixels + more > _PIXELS):
            yield group
            group, pixels = [], 0
        group.append(task)
        pixels += more
    if group:
        yield group


def _pixels(path: Path) -> int:
    try:
        return count_pixels(path)
    except BadFile:
        return 0  # reading it will say what is wrong
