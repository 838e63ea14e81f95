"""Fills one picture, or a folder of them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from inlay.device import local_device
from inlay.errors import InlayError
from inlay.files import held, remove_leftovers
from inlay.images import LOSSY
from inlay.pipeline import Inpainter, Job, fill_pictures, load
from inlay.prediction.batch import BatchPredictor
from inlay.prediction.pairing import PredictItem, find_items
from inlay.prediction.reading import read, sampled, write
from inlay.prediction.request import Request
from inlay.processes import env_rank_and_world

log = logging.getLogger(__name__)


def predict(request: Request) -> list[Path]:
    """Fill one picture, or many, with a progress bar and a report; the files of the one, or the report's path.

    Of many pictures, broken ones are reported and the others are filled; pictures that an earlier start has filled are
    skipped. Processes that torchrun started share the pictures.

    Raises:
        InlayError: nothing can be done as requested; or, when the others are filled, a picture could not be.
    """
    plan = find_items(request)
    if plan.folder is None:
        (item,) = plan.items
        jobs, inpainter = read(request, item), _load(request)
        _tell(item, jobs, inpainter.warnings(item.text), request.captions)
        filled = fill_pictures(inpainter.filler, sampled(request, inpainter, jobs), request.options)
        windows = f", {filled[0].windows} windows" if filled[0].windows > 1 else ""
        log.info("Strategy: %s%s.", filled[0].strategy, windows)
        write(item, jobs, filled)
        return item.written
    rank, world = env_rank_and_world()
    with held(plan.folder, "inlay predict", part=f"{rank + 1}-of-{world}" if world > 1 else ""):
        if world == 1:  # others may be writing
            for folder in {path.parent for item in plan.items for path in item.written}:
                remove_leftovers(folder)
        inpainter = _load(request)
        batch = BatchPredictor(request, plan, plan.folder, inpainter)
        try:
            for part in batch.parts():
                samples = [job for _, jobs in part for job in sampled(request, inpainter, jobs)]
                try:
                    filled = fill_pictures(inpainter.filler, samples, request.options)
                except InlayError as error:
                    batch.fail(part, error)
                else:
                    batch.write(part, filled)
        finally:
            report = batch.finish()
        batch.summarize()
        return [report]


def _tell(item: PredictItem, jobs: Sequence[Job], text_warnings: Sequence[str], captions: bool) -> None:
    if captions and item.text is None:
        log.warning("%s has no caption beside it, so that the context decides.", item.image)
    for note in dict.fromkeys(note for job in jobs for note in job.notes):
        log.info("%s: %s", item.image, note)
    for warning in dict.fromkeys([*(warning for job in jobs for warning in job.warnings), *text_warnings]):
        log.warning(warning)
    if kind := LOSSY.get(item.outputs[0].suffix.lower()):
        log.warning("%s changes every pixel a little; write .png to keep known pixels exactly.", kind)


def _load(request: Request) -> Inpainter:
    inpainter = load(request.model, local_device(request.device), request.precision, request.options)
    text = "captions" if request.captions else request.text
    inpainter.check(text, request.seed, request.samples, request.region, request.reference)
    return inpainter
