"""The models of the page, and what its Fill button does."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from inlay.app.limits import FILLING, Limits
from inlay.app.masks import Mask
from inlay.app.pictures import Loaded, Patch
from inlay.app.room import Room
from inlay.app.views import View, view_of
from inlay.errors import InlayError
from inlay.fillers import short_names
from inlay.pipeline import FillOptions, Inpainter, Job, Strategy, fill_picture, load, seeds
from inlay.precision import InferencePrecision
from inlay.printing import console, printable

log = logging.getLogger(__name__)

LONGEST_TEXT = 1000  # letters; no encoder reads as many
LOOKED: dict[Strategy, str] = {
    "whole": "it saw the whole picture at once",
    "crop": "it saw what is around each hole",
    "tile": "it went square by square",
    "resize": "it saw a small copy first, then the edges",
}
"""What a model was shown, by strategy, in words of those who edit photographs."""
MODEL_NAMES = {
    "telea": "Quick patch (Telea)",
    "navier_stokes": "Quick patch along lines (Navier-Stokes)",
    "biharmonic": "Smooth surface, slow (biharmonic)",
    "mean": "One plain color (mean)",
}
"""Names of the fillers that need no training; any other has its own. Without a choice they are all offered."""

Models = dict[str, Inpainter]
"""By their names on the page, in the order in which they were given."""


@dataclass(frozen=True)
class PageRequest:
    """What a visitor wants filled; models that take no text, or do not draw, leave that out."""

    text: str = ""
    seed: int | None = None
    samples: int = 1
    options: FillOptions = field(default_factory=FillOptions)


@dataclass(frozen=True)
class Sample:
    """One prediction: what it changes of the picture, and what the page shows of it."""

    model: str
    looked: str
    """What the model was shown, in words."""
    seed: str
    """Of the draw, in words; empty for what was not drawn."""
    patch: Patch
    view: View

    @property
    def title(self) -> str:
        """The model, and which one of several predictions."""
        return ", ".join(filter(None, [MODEL_NAMES.get(self.model, self.model), self.seed]))


@dataclass(frozen=True)
class PageResults:
    """All predictions for one hole; those of one model follow each other."""

    version: int
    """Of the picture that was filled."""
    runs: str
    """The hole that was filled, see :mod:`inlay.app.masks`."""
    samples: tuple[Sample, ...]
    shown: tuple[int, ...]
    """Numbers of the samples that are seen side by side, one of each model."""
    kept: int = 0
    """Number of the one that is downloaded, or gone on from."""

    @classmethod
    def of(cls, version: int, runs: str, samples: Sequence[Sample]) -> "PageResults":
        """Results that show the first sample of each model, and keep the very first."""
        models = [sample.model for sample in samples]
        return cls(version, runs, tuple(samples), tuple(models.index(model) for model in dict.fromkeys(models)))

    def keep(self, number: int) -> "PageResults":
        """Keep another sample, and show it as its model's."""
        model = self.samples[number].model
        shown = tuple(number if self.samples[other].model == model else other for other in self.shown)
        return replace(self, shown=shown, kept=number)

    def check(self, loaded: Loaded | None) -> Loaded:
        """Check that the picture that was filled is still the one on the page, and return it."""
        if loaded is None or loaded.version != self.version:
            raise InlayError("Another picture is worked on by now, and this is no result of it. Press Fill again.")
        return loaded

    def forget(self) -> None:
        """Remove the files of all samples."""
        for sample in self.samples:
            sample.view.forget()


def open_models(names: Sequence[str], device: str = "auto", precision: InferencePrecision = "32") -> Models:
    """Open every model before there is a page: what cannot be opened ends the program, not a visit.

    Raises:
        InlayError: see :func:`inlay.pipeline.load`; or two names are the same model.
    """
    screen = console(stderr=True)
    models = {}
    for name, label in zip(names, short_names(names), strict=True):
        with screen.status(printable(f"opening {name}")):
            models[label] = load(name, device=device, precision=precision)
    return models


def fill(models: Models, loaded: Loaded, hole: Mask, request: PageRequest, limits: Limits, room: Room) -> list[Sample]:
    """Fill the ``(H, W)`` hole of a picture with each model.

    Raises:
        InlayError: there is nothing to fill or nothing to fill it from, a limit is passed, a model fails, or the page
            has ended.
    """
    if not hole.any():
        raise InlayError("There is no hole yet. Paint over what is to be replaced, add a box, or give a mask file.")
    if hole.all():
        raise InlayError("The whole picture is hole: nothing is left to fill it from. Leave a part unpainted.")
    if not 1 <= request.samples <= limits.samples:
        raise InlayError(f"Samples must be from 1 to {limits.samples}, got {request.samples}.")
    if len(request.text) > LONGEST_TEXT:
        raise InlayError(f"The text has {len(request.text)} letters; at most {LONGEST_TEXT} are read. Shorten it.")
    started = time.monotonic()
    samples: list[Sample] = []
    try:
        for name, model in models.items():
            text = request.text.strip() if model.filler.takes_text else ""
            for seed in seeds(request.seed, request.samples) if model.filler.takes_seed else [None]:
                model.check(text, seed)
                filled = fill_picture(model.filler, Job(loaded.picture, hole, text or None, seed), request.options)
                if time.monotonic() - started > limits.seconds:  # nobody waits any more
                    raise FILLING.too_late(limits.seconds)
                drawn = "" if seed is None else f"seed {seed}"
                patch, view = Patch.between(loaded.picture, filled.picture), view_of(filled.picture, room)
                samples.append(Sample(name, LOOKED[filled.strategy], drawn, patch, view))
    except BaseException:
        for sample in samples:
            sample.view.forget()
        raise
    log.info("%s: %d filled in %.1f s", loaded.name, len(samples), time.monotonic() - started)
    return samples
