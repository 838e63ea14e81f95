"""From what windows show to a filler's tensors, and back."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.fillers import Filler
from inlay.pipeline.canvas import Crop
from inlay.randomness import RngStream, torch_seed

_SIDE = 512
"""Windows of up to so many pixels a side go together as asked for; of larger ones, fewer at a time."""


class FillRequest(NamedTuple):
    """What a filler is asked."""

    rgb: NDArray[np.float32]
    """``(h, w, 3)`` in ``[0, 1]``."""
    hole: NDArray[np.bool_]
    """``(h, w)``."""
    text: str | None
    """What the hole shall show; None or empty leaves it to the context."""
    seed: int | None
    """Of the draw; None for the deterministic answer."""


def answers(filler: Filler, questions: Iterable[FillRequest], batch: int) -> Iterator[NDArray[np.float32]]:
    """What a filler answers, ``(h, w, 3)`` each, in the order of the questions.

    Args:
        filler: does the filling.
        questions: read as they are needed. Either all or none of them have a seed.
        batch: so many that are of one size, and follow each other, are asked at a time, as long as they have no more
            pixels than so many windows of :data:`_SIDE` a side; one window is always asked.

    Raises:
        InlayError: an answer has numbers that are not finite, or the GPU's memory does not suffice.
    """
    together: list[FillRequest] = []
    for question in questions:
        most = max(1, min(batch, batch * _SIDE**2 // question.hole.size))
        if together and (len(together) >= most or question.hole.shape != together[0].hole.shape):
            yield from _asked(filler, together)
            together = []
        together.append(question)
    if together:
        yield from _asked(filler, together)


class WindowRunner:
    """Asks a filler about the windows of one picture.

    Args:
        filler: does the filling.
        text: what the hole shall show.
        seed: of the first window; every other one is drawn with a seed that follows from it and the window's number.
        batch: windows at a time.

    Attributes:
        count: windows that were asked about.
    """

    def __init__(self, filler: Filler, text: str | None, seed: int | None, batch: int) -> None:
        self.filler, self.text, self.seed, self.batch = filler, text, seed, batch
        self.count = 0

    def __call__(self, windows: Iterable[Crop]) -> Iterator[NDArray[np.float32]]:
        """What the filler answers, as :func:`answers` gives it."""
        return answers(self.filler, map(self._question, windows), self.batch)

    def _question(self, shown: Crop) -> FillRequest:
        number, self.count = self.count, self.count + 1
        seed = self.seed
        if seed is not None and number:
            seed = torch_seed(seed, RngStream.WINDOWS, index=number)
        return FillRequest(*shown, self.text, seed)


def _asked(filler: Filler, questions: list[FillRequest]) -> Iterator[NDArray[np.float32]]:
    image = torch.from_numpy(np.stack([question.rgb for question in questions])).permute(0, 3, 1, 2)  # (B, 3, h, w)
    mask = torch.from_numpy(np.stack([question.hole for question in questions])).float()[:, None]  # (B, 1, h, w)
    text = [question.text or "" for question in questions]
    seed = [question.seed for question in questions if question.seed is not None]
    try:
        filled = filler.fill(image, mask, text=text if any(text) else None, seed=seed or None)
    except torch.OutOfMemoryError as error:
        count, _, height, width = image.shape
        raise InlayError(
            f"{count} windows of {width}x{height} do not fit into the GPU's memory. Use batch=1, strategy=tile, "
            "precision=bf16 or device=cpu."
        ) from error
    if not filled.isfinite().all():
        raise InlayError("the model answered with numbers that are not finite. Use precision=32, or another model.")
    yield from filled.permute(0, 2, 3, 1).numpy()
