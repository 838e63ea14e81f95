"""What the page's button does, without the page."""

import logging
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inlay.app.holes import Hole
from inlay.app.limits import FILLING, Limits
from inlay.app.pictures import Loaded, preview, save
from inlay.app.room import Room
from inlay.composing import How
from inlay.errors import InlayError

if TYPE_CHECKING:
    from inlay.inpainter import Inpainter

log = logging.getLogger(__name__)

LONGEST_TEXT = 1000  # letters; no encoder reads as many


@dataclass(frozen=True)
class Wish:
    """What a visitor asks for.

    Attributes:
        text: what the hole shall show; read where the model takes text.
        seed: the first sample's; None for the model's one answer that is not drawn. Read where the model draws.
        samples: how many; a model that draws nothing has one.
        how: strategy and blending.
    """

    text: str = ""
    seed: int | None = None
    samples: int = 1
    how: How = field(default_factory=How)


@dataclass(frozen=True)
class Sample:
    """One answer.

    Attributes:
        how: it was made.
        seed: what it was drawn with; empty for what was not drawn.
        preview: ``(h, w, 3)`` uint8, how it looks.
        file: where the whole of it lies for download.
    """

    how: str
    seed: str
    preview: NDArray[np.uint8]
    file: Path


def fill(model: "Inpainter", loaded: Loaded, hole: Hole, wish: Wish, limits: Limits, room: Room) -> list[Sample]:
    """Fill the hole of a picture, once or with several samples.

    Args:
        model: does the filling.
        loaded: the picture.
        hole: ``(H, W)`` in the picture's size, True = hole.
        wish: what is asked for.
        limits: how much of it is done.
        room: where the pictures for download go.

    Raises:
        InlayError: there is nothing to fill or nothing to fill it from, more is asked than the page takes on, or the
            model cannot do it; or the page has ended.
    """
    _check(hole, wish, limits)
    started = time.monotonic()
    text = wish.text.strip() if model.filler.takes_text else ""
    samples: list[Sample] = []
    for seed in _seeds(wish, model.filler.takes_seed):
        filled = model.fill_picture(loaded.picture, hole, text=text or None, seed=seed, how=wish.how)
        if time.monotonic() - started > limits.seconds:  # nobody waits any more
            forget(samples)
            raise FILLING.too_late(limits.seconds)
        drawn = "" if seed is None else f"seed {seed}"
        with room.written():
            file = save(room.folder, filled.picture, loaded.name)
        samples.append(Sample(f"strategy {filled.strategy}", drawn, preview(filled.picture), file))
    log.info("%s: %d filled in %.1f s", loaded.name, len(samples), time.monotonic() - started)
    return samples


def forget(samples: Iterable[Sample]) -> None:
    """Remove what can be downloaded of samples."""
    for sample in samples:
        shutil.rmtree(sample.file.parent, ignore_errors=True)


def _seeds(wish: Wish, drawn: bool) -> list[int | None]:
    if not drawn:
        return [None]
    return [wish.seed] if wish.samples == 1 else [(wish.seed or 0) + number for number in range(wish.samples)]


def _check(hole: Hole, wish: Wish, limits: Limits) -> None:
    if not hole.any():
        raise InlayError("There is no hole yet. Paint over what is to be replaced, add a box, or give a mask file.")
    if hole.all():
        raise InlayError("The whole picture is hole: nothing is left to fill it from. Leave a part unpainted.")
    if not 1 <= wish.samples <= limits.samples:
        raise InlayError(f"Samples must be from 1 to {limits.samples}, got {wish.samples}.")
    if len(wish.text) > LONGEST_TEXT:
        raise InlayError(f"The text has {len(wish.text)} letters; at most {LONGEST_TEXT} are read. Shorten it.")
