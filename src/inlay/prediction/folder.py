"""Many pictures: reading and writing go on beside the model, and a report says what became of each."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from inlay.composing import Filled
from inlay.errors import BadFile, InlayError
from inlay.images import Picture, picture_size
from inlay.inpainter import Inpainter
from inlay.prediction.reading import Given, jobs, read, write
from inlay.prediction.report import Entry, Report
from inlay.prediction.request import Request
from inlay.prediction.tasks import Task, Tasks
from inlay.prediction.world import rank_and_world

log = logging.getLogger(__name__)

_PIXELS = 16_000_000
"""Of the pictures that are filled together, unless one alone has more."""
_THREADS = 4
"""That read and write while the model works."""

Reading = tuple[Task, Future[Given]]


class FolderRun:
    """This process's share of the pictures.

    Args:
        request: how they are filled.
        tasks: all of them.
        folder: that the answers go to.
        inpainter: fills them.

    Raises:
        InlayError: the folder holds pictures that were made otherwise, or files that are not ours.
    """

    def __init__(self, request: Request, tasks: Tasks, folder: Path, inpainter: Inpainter) -> None:
        self.request, self.tasks, self.inpainter = request, tasks, inpainter
        rank, world = rank_and_world()
        self.mine, self.without_mask = tasks.tasks[rank::world], tasks.without_mask[rank::world]
        made_by = {"model": inpainter.name, "version": inpainter.filler.identity}
        self.report = Report(folder, {**made_by, **request.settings()})
        if self.report.is_new and (strangers := [p for task in self.mine for p in task.written if p.exists()]):
            raise InlayError(f"--output {folder}: {strangers[0]} is there already. Name another folder.")
        self.failed: dict[Path, str] = {}

    def run(self) -> Path:
        """Fill what is not filled yet; a process that was killed and is started again does what is missing.

        Returns:
            The report's path.

        Raises:
            InlayError: the disk refuses; or, when the others are filled, a picture could not be.
        """
        done = [task for task in self.mine if task.is_done]
        for task in done:
            self._found(task)
        for image in self.without_mask:
            self.report.add(Entry(image=os.fspath(image), status="no mask"))
        todo = [task for task in self.mine if task not in done]
        if not todo and not self.report.waiting:
            log.info("Nothing to do: all %d pictures were filled before.", len(self.mine))
            return self.report.path
        try:
            self.report.write()  # from now on the folder says whose it is
            self._fill(todo, len(done))
        finally:
            self.report.write(without_picture=self.tasks.without_picture, without_text=self.tasks.without_text)
        self._tell()
        return self.report.path

    def _fill(self, todo: Sequence[Task], done: int) -> None:
        writing: list[tuple[Entry, Future[None]]] = []
        with (
            ThreadPoolExecutor(_THREADS) as pool,
            tqdm(total=done + len(todo), initial=done, unit=" pictures", desc="filling") as bar,
        ):
            for group in self._ahead(pool, todo):
                given = [each for task, reading in group if (each := self._had(task, reading))]
                answers = self._answers(given)
                self._settle(writing)
                writing = [(entry, pool.submit(write, each, filled)) for each, filled, entry in answers]
                bar.update(len(group))
            self._settle(writing)

    def _ahead(self, pool: ThreadPoolExecutor, todo: Sequence[Task]) -> Iterator[list[Reading]]:
        """Groups of pictures; the next one is read while the model works on this one."""
        waiting: list[Reading] = []
        for group in [*_groups(todo, self.request.how.batch), []]:
            following = [(task, pool.submit(read, self.request, task)) for task in group]
            if waiting:
                yield waiting
            waiting = following

    def _had(self, task: Task, reading: Future[Given]) -> Given | None:
        try:
            return reading.result()
        except InlayError as error:
            self._failed(task, error)
            return None

    def _answers(self, group: list[Given]) -> list[tuple[Given, list[Picture], Entry]]:
        """Of a group; where it fails together, one by one."""
        if not group:
            return []
        start = time.perf_counter()
        try:
            filled = self.inpainter.fill_jobs([job for given in group for job in jobs(self.request, given)])
        except InlayError as error:
            if len(group) > 1:
                return [answer for given in group for answer in self._answers([given])]
            self._failed(group[0].task, error)
            return []
        seconds = (time.perf_counter() - start) / len(group)
        each = self.request.samples
        parts = (filled[place : place + each] for place in range(0, len(filled), each))
        return [
            (given, [answer.picture for answer in part], self._entry(given, part, seconds))
            for given, part in zip(group, parts, strict=True)
        ]

    def _settle(self, writing: Sequence[tuple[Entry, Future[None]]]) -> None:
        for entry, written in writing:
            written.result()
            self.report.add(entry)

    def _entry(self, given: Given, filled: Sequence[Filled], seconds: float) -> Entry:
        task = given.task
        return Entry(
            image=os.fspath(task.image),
            status="filled",
            mask=os.fspath(task.mask) if task.mask else None,
            outputs=[os.fspath(path) for path in task.written],
            hole_ratio=round(float(given.hole.mean()), 6),
            strategy=filled[0].strategy,
            windows=filled[0].windows,
            doubts=[*given.doubts, *self.inpainter.doubts(task.text)],
            seconds=round(seconds, 4),
            text=task.text or "",
        )

    def _found(self, task: Task) -> None:
        if os.fspath(task.image) not in self.report.before:
            outputs = [os.fspath(path) for path in task.written]
            self.report.add(Entry(image=os.fspath(task.image), status="found", outputs=outputs))

    def _failed(self, task: Task, error: InlayError) -> None:
        self.failed[task.image] = str(error)
        self.report.add(Entry(image=os.fspath(task.image), status="failed", error=str(error)))

    def _tell(self) -> None:
        """Say what was left out."""
        for paths, what in (
            (self.without_mask, "pictures have no mask"),
            (self.tasks.without_picture, "masks have no picture"),
            (self.tasks.without_text, "pictures have no caption beside them, so that the context decides"),
        ):
            if paths:
                log.warning("%d %s, %s for instance; the report lists them.", len(paths), what, paths[0])
        if self.failed:
            reason = next(iter(self.failed.values()))
            raise InlayError(f"{len(self.failed)} of {len(self.mine)} pictures could not be filled: {reason}")


def _groups(tasks: Sequence[Task], most: int) -> Iterator[list[Task]]:
    """Neighbors that fit into memory together."""
    group: list[Task] = []
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
        height, width = picture_size(path)
    except BadFile:
        return 0  # reading it will say what is wrong
    return height * width
