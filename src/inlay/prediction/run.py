"""What ``inlay predict`` does with one picture, and with many."""

import logging
from pathlib import Path

from inlay.device import local_device
from inlay.files import held, remove_leftovers
from inlay.images import LOSSY
from inlay.pipeline import Inpainter, load
from inlay.prediction.batch import BatchPredictor
from inlay.prediction.pairing import PredictItem, find_tasks
from inlay.prediction.reading import jobs, read, write
from inlay.prediction.request import Request
from inlay.processes import env_rank_and_world

log = logging.getLogger(__name__)


def predict(request: Request) -> list[Path]:
    """Fill one picture, or many, with a progress bar and a report.

    Of many pictures, one that is broken is reported and the others are filled; what an earlier start has filled is
    not filled again. Processes that torchrun started share them out.

    Returns:
        The files that were written: of one picture its own, of many the report.

    Raises:
        InlayError: nothing can be done as it was asked for; or, when the others are filled, a picture could not be.
    """
    tasks = find_tasks(request)
    if tasks.folder is None:
        if tasks.without_text:
            log.warning("%s has no caption beside it, so that the context decides.", tasks.without_text[0])
        return _predict_one(request, tasks.tasks[0])
    rank, world = env_rank_and_world()
    with held(tasks.folder, "inlay predict", part=f"{rank + 1}-of-{world}" if world > 1 else ""):
        if world == 1:  # others may be writing
            for folder in {path.parent for task in tasks.tasks for path in task.written}:
                remove_leftovers(folder)
        return [BatchPredictor(request, tasks, tasks.folder, _load(request)).run()]


def _predict_one(request: Request, task: PredictItem) -> list[Path]:
    given = read(request, task)
    inpainter = _load(request)
    if given.remark:
        log.info(given.remark)
    if given.left_out:
        log.info("%s: left out %s.", task.image, "; ".join(given.left_out))
    for doubt in (*given.doubts, *inpainter.doubts(task.text)):
        log.warning(doubt)
    answers = inpainter.fill_jobs(jobs(request, given))
    log.info("Strategy: %s.", answers[0].described)
    write(given, [answer.picture for answer in answers])
    if kind := LOSSY.get(task.outputs[0].suffix.lower()):
        log.warning("%s changes every pixel a little; write .png to keep known pixels exactly.", kind)
    return task.written


def _load(request: Request) -> Inpainter:
    inpainter = load(request.model, local_device(request.device), request.precision, request.how)
    inpainter.check("captions" if request.captions else request.text, request.seed, request.samples)
    return inpainter
