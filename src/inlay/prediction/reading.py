"""Pictures and their holes are read, and filled ones are written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.images import (
    Picture,
    check_writable,
    contact_sheet,
    labeled,
    read_pages,
    read_picture,
    unsupported_metadata,
    write_pages,
    write_picture,
)
from inlay.pipeline import AlphaRegion, Filled, Inpainter, Job, MaskRegion, seeds
from inlay.prediction.pairing import PredictItem
from inlay.prediction.request import Request

_LARGEST = 1600  # longest side of a picture on a comparison sheet


def read(request: Request, item: PredictItem) -> list[Job]:
    """Read a picture and its hole, or the pages of a TIFF and theirs.

    Raises:
        InlayError: a file is broken (also that of the text), the mask leaves nothing to do, or the output's format
            cannot hold the picture.
    """
    if item.text_fault:
        raise InlayError(item.text_fault)
    pictures = read_pages(item.image, frame=request.frame)
    for path in item.outputs:
        for picture in pictures:
            check_writable(path, picture, len(pictures))
    mask = AlphaRegion() if item.mask is None else MaskRegion(item.mask, request.mask_polarity, request.threshold)
    holes = (request.region or mask).holes(pictures, item.image, frame=request.frame, seed=request.seed or 0)
    reference = read_picture(item.reference) if item.reference else None
    jobs = []
    for picture, hole in zip(pictures, holes, strict=True):
        lost, suffix = unsupported_metadata(item.outputs[0], picture), item.outputs[0].suffix
        left_out = [*picture.metadata.left_out, *(f"its {name}, for which {suffix} has no place" for name in lost)]
        jobs.append(
            Job(
                picture,
                hole.mask,
                item.text,
                reference=reference,
                warnings=(*item.text_warnings, *_warnings(item, picture, lost), *hole.warnings),
                notes=tuple(filter(None, [hole.note, f"Left out: {'; '.join(left_out)}." if left_out else ""])),
            )
        )
    return jobs


def _warnings(item: PredictItem, picture: Picture, lost: list[str]) -> Iterator[str]:
    if looks := " and ".join(name for name in lost if name in ("profile", "colors")):
        yield f"{item.image}: {item.outputs[0].suffix} has no place for its {looks}, so it may look otherwise."
    if picture.damage:
        yield f"{item.image}: {picture.damage}. Look at it."
    if picture.stored_as:
        yield f"{item.image} is stored as {picture.stored_as}; the output is {picture.mode}."


def sampled(request: Request, inpainter: Inpainter, jobs: Sequence[Job]) -> list[Job]:
    """All pages of a picture once for each sample."""
    seed = request.seed if inpainter.filler.takes_seed else None  # it may be the region's alone
    return [replace(job, seed=each) for each in seeds(seed, request.samples) for job in jobs]


def write(item: PredictItem, jobs: Sequence[Job], filled: Sequence[Filled]) -> None:
    """Write all samples of a picture, all pages of each (``filled`` in that order), and the comparison sheet."""
    count, pictures = len(jobs), [each.picture for each in filled]
    for number, path in enumerate(item.outputs):
        write_pages(path, pictures[number * count : (number + 1) * count])
    if item.sheet:
        pages = [_comparison(job, pictures[number::count]) for number, job in enumerate(jobs)]
        write_picture(item.sheet, pages[0] if count == 1 else contact_sheet([page.rgb()] for page in pages))


def _comparison(job: Job, filled: Sequence[Picture]) -> Picture:
    """A sheet: masked | filled, every sample | given; the text below."""
    columns = [_shrunk(picture) for picture in (job.picture, *filled, job.picture)]
    white = cv2.resize(job.hole.astype(np.uint8), columns[0].shape[1::-1], interpolation=cv2.INTER_NEAREST)
    columns[0] = np.where(white[..., None] > 0, np.float32(1), columns[0])
    sheet = contact_sheet([columns])
    return contact_sheet([[labeled(sheet.rgb(), job.text)]]) if job.text else sheet


def _shrunk(picture: Picture) -> NDArray[np.float32]:
    height, width = picture.size
    scale = _LARGEST / max(height, width)
    if scale >= 1:
        return picture.rgb()
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture.rgb8(), size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
