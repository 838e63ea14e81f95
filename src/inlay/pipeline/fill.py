"""Pictures of any size through a filler."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.fillers import Filler
from inlay.images import Picture
from inlay.pipeline.canvas import Canvas, Crop
from inlay.pipeline.composers import Composer, HardComposer
from inlay.pipeline.strategies import BY_NAME, STRATEGIES, Strategy, choose, rim, tile

_SIDE = 512  # a batch holds no more pixels than ``batch`` windows of this side: a few large windows fill a GPU


@dataclass(frozen=True)
class FillOptions:
    """How a filler is run on a picture of any size, and how its prediction is put back.

    Attributes:
        strategy: ``whole`` shows the filler the picture as it is; ``crop`` a window around each hole; ``tile`` windows
            that overlap; ``resize`` a small copy, and then the rim of the hole at full size. ``auto`` chooses.
        composer: how predicted pixels are put back. By default every known pixel keeps its value bit for bit.
        batch: largest number of windows in a batch.

    Raises:
        InlayError: an option is out of range.
    """

    strategy: Strategy = "auto"
    composer: Composer = field(default_factory=HardComposer)
    batch: int = 4

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InlayError(f"strategy must be one of {', '.join(STRATEGIES)}, got {self.strategy!r}.")
        if self.batch < 1:
            raise InlayError(f"batch must be at least 1, got {self.batch}.")


@dataclass(frozen=True)
class Job:
    """A picture to fill.

    Attributes:
        picture: of any size and mode.
        hole: ``(H, W)``, True = hole.
        text: what the hole shall show, for fillers that take text; None or empty leaves it to the context.
        seed: for fillers that draw; None for their deterministic prediction.
        reference: a picture to take content from, for fillers that take one.
        warnings: what a user should know about the picture or the mask, one sentence each.
        notes: what was done to the mask and left out of the file; nothing to worry about.
    """

    picture: Picture
    hole: NDArray[np.bool_]
    text: str | None = None
    seed: int | None = None
    reference: Picture | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Filled:
    """A filled picture.

    Attributes:
        picture: of the size and mode of the given one; known pixels are equal unless the composer changes them.
        strategy: ``whole``, ``crop``, ``tile`` or ``resize``.
        windows: number of windows that the filler was shown.
    """

    picture: Picture
    strategy: Strategy
    windows: int


def fill_pictures(filler: Filler, jobs: Sequence[Job], options: FillOptions) -> list[Filled]:
    """Fill several pictures. Those that are shown whole and have one size share batches.

    Raises:
        InlayError: a hole is empty, or nothing of the picture is left to fill it from; or the filler fails.
    """
    predict = partial(_run_batched, filler, batch=options.batch)
    canvases, masks, strategies = [], [], []
    for job in jobs:
        replaced, mask = options.composer.masks(job.hole)
        if not job.hole.any():
            raise InlayError("the mask has no hole.")
        if mask.all():
            raise InlayError(
                "nothing of the picture is left to fill it from: the hole, with dilate and feather, is all of it. "
                "Leave a part unmasked."
            )
        own = replace(job.picture, pixels=job.picture.pixels.copy())
        reference = None if job.reference is None else job.reference.rgb()
        canvases.append(Canvas(own, mask, job.text, job.seed, reference))
        masks.append((replaced, mask))
        strategies.append(choose(mask, filler.size) if options.strategy == "auto" else options.strategy)
    whole = [canvas for canvas, strategy in zip(canvases, strategies, strict=True) if strategy == "whole"]
    for canvas, rgb in zip(whole, predict(canvas.crop(canvas.whole) for canvas in whole), strict=True):
        canvas.paint_hole(canvas.whole, rgb, canvas.whole)
    for canvas, strategy in zip(canvases, strategies, strict=True):
        if strategy != "whole":
            for box in BY_NAME[strategy](canvas, predict, filler.size):
                tile(rim(canvas, filler.size, box), predict, filler.size)
    return [
        Filled(options.composer.compose(job.picture, canvas.picture, *both), strategy, len(canvas.seeds))
        for job, canvas, both, strategy in zip(jobs, canvases, masks, strategies, strict=True)
    ]


def fill_picture(filler: Filler, job: Job, options: FillOptions) -> Filled:
    """Fill one picture. Errors: see :func:`fill_pictures`."""
    return fill_pictures(filler, [job], options)[0]


def _run_batched(filler: Filler, crops: Iterable[Crop], batch: int) -> Iterator[NDArray[np.float32]]:
    """Predictions ``(h, w, 3)`` for crops, in their order; all or none of those have a seed, and a reference."""
    for group in _batches(crops, batch):
        image, mask = _stacked([crop.rgb for crop in group]), np.stack([crop.hole for crop in group])
        texts = [crop.text or "" for crop in group] if filler.takes_text else []
        seeds = [crop.seed for crop in group if crop.seed is not None]
        references = [crop.reference for crop in group if crop.reference is not None]
        try:
            predicted = filler.fill(
                image,
                torch.from_numpy(mask).float()[:, None],
                text=texts if any(texts) else None,
                reference=_stacked(references) if references else None,
                seed=seeds or None,
            )
        except torch.OutOfMemoryError as error:
            count, _, height, width = image.shape
            raise InlayError(
                f"{count} windows of {width}x{height} do not fit into the GPU's memory. Use batch=1, strategy=tile, "
                "precision=bf16 or device=cpu."
            ) from error
        if not predicted.isfinite().all():
            raise InlayError("the model predicted numbers that are not finite. Use precision=32, or another model.")
        yield from predicted.permute(0, 2, 3, 1).numpy()


def _batches(crops: Iterable[Crop], batch: int) -> Iterator[list[Crop]]:
    """Crops of one size that follow each other."""
    group: list[Crop] = []
    for crop in crops:
        most = max(1, min(batch, batch * _SIDE**2 // crop.hole.size))
        if group and (len(group) >= most or _shapes(crop) != _shapes(group[0])):
            yield group
            group = []
        group.append(crop)
    if group:
        yield group


def _shapes(crop: Crop) -> tuple[tuple[int, ...], ...]:
    return crop.hole.shape, () if crop.reference is None else crop.reference.shape


def _stacked(pictures: list[NDArray[np.float32]]) -> torch.Tensor:
    """``(H, W, 3)`` each, as ``(B, 3, H, W)``."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
