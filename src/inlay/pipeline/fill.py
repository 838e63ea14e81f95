"""A filler's answer in a picture: which part it is shown, what is put back, and how it is blended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.fillers import Filler
from inlay.images import Picture
from inlay.pipeline.batching import FillRequest, WindowRunner, answers
from inlay.pipeline.blending import enlarged, fade, level
from inlay.pipeline.canvas import Canvas
from inlay.pipeline.options import FillOptions, Strategy
from inlay.pipeline.strategies import BY_NAME, choose


@dataclass(frozen=True)
class Job:
    """A picture to be filled.

    Attributes:
        picture: of any size and mode.
        hole: ``(H, W)``, True = hole.
        text: what the hole shall show, for fillers that take text; None or empty leaves it to the context.
        seed: for fillers that draw; None for their deterministic answer.
    """

    picture: Picture
    hole: NDArray[np.bool_]
    text: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Filled:
    """A picture whose hole was filled.

    Attributes:
        picture: size, mode and, unless something else was asked for, known pixels are those of the one that was given.
        strategy: ``whole``, ``crop``, ``tile`` or ``resize``.
        windows: how often the filler was asked.
    """

    picture: Picture
    strategy: Strategy
    windows: int

    @property
    def described(self) -> str:
        """How it was done, in words."""
        return self.strategy if self.windows == 1 else f"{self.strategy}, {self.windows} windows"


def fill_pictures(filler: Filler, jobs: Sequence[Job], how: FillOptions) -> list[Filled]:
    """Fill several pictures; those that are shown whole and are of one size go through the filler together.

    Raises:
        InlayError: a hole is empty, or what is to be filled is the whole picture; or the filler fails.
    """
    plans = [_Plan.of(job, filler, how) for job in jobs]
    whole = [plan for plan in plans if plan.strategy == "whole"]
    questions = (plan.question() for plan in whole)
    for plan, answer in zip(whole, answers(filler, questions, how.batch), strict=True):
        plan.canvas.paint_all(plan.canvas.whole, answer, plan.canvas.whole)
    return [plan.finished(filler, how) for plan in plans]


def fill_picture(filler: Filler, job: Job, how: FillOptions) -> Filled:
    """Fill one picture. Errors: see :func:`fill_pictures`."""
    return fill_pictures(filler, [job], how)[0]


@dataclass(frozen=True)
class _Plan:
    """A picture that is being filled.

    Attributes:
        region: what is replaced.
        canvas: whose hole, what the filler is asked for, may be wider: where blending wants both sides.
    """

    job: Job
    region: NDArray[np.bool_]
    canvas: Canvas
    strategy: Strategy

    @classmethod
    def of(cls, job: Job, filler: Filler, how: FillOptions) -> "_Plan":
        region = enlarged(job.hole, how.dilate)
        asked = enlarged(region, max(how.feather, int(how.blend == "poisson")))
        if not job.hole.any() or asked.all():
            raise InlayError(
                "the mask has no hole."
                if not job.hole.any()
                else "nothing of the picture is left to fill it from: "
                "the hole, with dilate and feather, is all of it. Leave a part unmasked."
            )
        strategy = choose(asked, filler.size) if how.strategy == "auto" else how.strategy
        return cls(job, region, Canvas(replace(job.picture, pixels=job.picture.pixels.copy()), asked), strategy)

    def question(self) -> FillRequest:
        return FillRequest(*self.canvas.see(self.canvas.whole), self.job.text, self.job.seed)

    def finished(self, filler: Filler, how: FillOptions) -> Filled:
        windows = 1
        if self.strategy != "whole":
            ask = WindowRunner(filler, self.job.text, self.job.seed, how.batch)
            BY_NAME[self.strategy](self.canvas, ask, filler.size)
            windows = ask.count
        painted = self.canvas.picture
        if how.blend == "poisson":
            level(painted, self.job.picture, self.canvas.hole)
        if self.canvas.hole is not self.region:
            fade(painted, self.job.picture, self.canvas.hole, self.region, how.feather)
        return Filled(painted, self.strategy, windows)
