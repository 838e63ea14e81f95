"""What the page's button does, without the page."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inlay.app.history import Patch
from inlay.app.limits import FILLING, Limits
from inlay.app.masks import Hole
from inlay.app.pictures import Loaded
from inlay.app.room import Room
from inlay.app.views import View, view_of
from inlay.app.words import called, looked
from inlay.errors import InlayError
from inlay.pipeline import FillOptions, Job, fill_picture

if TYPE_CHECKING:
    from inlay.pipeline import Inpainter

log = logging.getLogger(__name__)

LONGEST_TEXT = 1000  # letters; no encoder reads as many


@dataclass(frozen=True)
class PageRequest:
    """What a visitor asks for.

    Attributes:
        text: what the hole shall show; read where the model takes text.
        seed: the first sample's; None for the model's one answer that is not drawn. Read where the model draws.
        samples: how many; a model that draws nothing has one.
        options: strategy and composer.
    """

    text: str = ""
    seed: int | None = None
    samples: int = 1
    options: FillOptions = field(default_factory=FillOptions)


@dataclass(frozen=True)
class Sample:
    """One answer.

    Attributes:
        model: whose it is, as the page calls it.
        how: what the model was shown, in words.
        seed: what it was drawn with; empty for what was not drawn.
        patch: what it changes of the picture.
        view: what the page shows of it.
    """

    model: str
    how: str
    seed: str
    patch: Patch
    view: View

    @property
    def title(self) -> str:
        """Whose it is, and which one of several."""
        return ", ".join(filter(None, [called(self.model), self.seed]))


@dataclass(frozen=True)
class Results:
    """What came of pressing the button.

    Attributes:
        version: of the picture that was filled.
        runs: the hole that was filled, see :mod:`inlay.app.masks`.
        samples: the answers; those of one model follow each other.
        shown: numbers of the answers that are seen side by side, one of each model.
        kept: the number of the one that is downloaded, or gone on from.
    """

    version: int
    runs: str
    samples: tuple[Sample, ...]
    shown: tuple[int, ...]
    kept: int = 0

    @classmethod
    def of(cls, version: int, runs: str, samples: Sequence[Sample]) -> "Results":
        """The first answer of each model is seen, the very first is kept."""
        models = [sample.model for sample in samples]
        return cls(version, runs, tuple(samples), tuple(models.index(model) for model in dict.fromkeys(models)))

    def keep(self, number: int) -> "Results":
        """Another answer is kept, and seen as its model's."""
        model = self.samples[number].model
        shown = tuple(number if self.samples[other].model == model else other for other in self.shown)
        return replace(self, shown=shown, kept=number)

    def check(self, loaded: Loaded | None) -> Loaded:
        """The picture that was filled.

        Raises:
            InlayError: it is no longer the one that is worked on.
        """
        if loaded is None or loaded.version != self.version:
            raise InlayError("Another picture is worked on by now, and this is no result of it. Press Fill again.")
        return loaded

    def forget(self) -> None:
        """Remove the files of all of them."""
        forget(self.samples)


def fill(
    models: Mapping[str, "Inpainter"], loaded: Loaded, hole: Hole, wish: PageRequest, limits: Limits, room: Room
) -> list[Sample]:
    """Fill the hole of a picture, by one model or by several, once or with several samples.

    Args:
        models: do the filling, by what the page calls them.
        loaded: the picture.
        hole: ``(H, W)`` in the picture's size, True = hole.
        wish: what is asked for.
        limits: how much of it is done.
        room: where what is shown goes.

    Raises:
        InlayError: there is nothing to fill or nothing to fill it from, more is asked than the page takes on, or a
            model cannot do it; or the page has ended.
    """
    _check(hole, wish, limits)
    started = time.monotonic()
    samples: list[Sample] = []
    try:
        for name, model in models.items():
            text = wish.text.strip() if model.filler.takes_text else ""
            for seed in _seeds(wish, model.filler.takes_seed):
                model.check(text, seed)
                filled = fill_picture(model.filler, Job(loaded.picture, hole, text or None, seed), wish.options)
                if time.monotonic() - started > limits.seconds:  # nobody waits any more
                    raise FILLING.too_late(limits.seconds)
                drawn = "" if seed is None else f"seed {seed}"
                patch = Patch.between(loaded.picture, filled.picture)
                samples.append(Sample(name, looked(filled.strategy), drawn, patch, view_of(filled.picture, room)))
    except BaseException:
        forget(samples)
        raise
    log.info("%s: %d filled in %.1f s", loaded.name, len(samples), time.monotonic() - started)
    return samples


def forget(samples: Iterable[Sample]) -> None:
    """Remove the files of samples."""
    for sample in samples:
        sample.view.forget()


def _seeds(wish: PageRequest, drawn: bool) -> list[int | None]:
    if not drawn:
        return [None]
    return [wish.seed] if wish.samples == 1 else [(wish.seed or 0) + number for number in range(wish.samples)]


def _check(hole: Hole, wish: PageRequest, limits: Limits) -> None:
    if not hole.any():
        raise InlayError("There is no hole yet. Paint over what is to be replaced, add a box, or give a mask file.")
    if hole.all():
        raise InlayError("The whole picture is hole: nothing is left to fill it from. Leave a part unpainted.")
    if not 1 <= wish.samples <= limits.samples:
        raise InlayError(f"Samples must be from 1 to {limits.samples}, got {wish.samples}.")
    if len(wish.text) > LONGEST_TEXT:
        raise InlayError(f"The text has {len(wish.text)} letters; at most {LONGEST_TEXT} are read. Shorten it.")
