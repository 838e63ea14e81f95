"""Crops of pictures go through a filler in batches."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.fillers import Filler

_SIDE = 512  # a batch holds no more pixels than ``batch`` windows of this side: a few large windows fill a GPU


class Crop(NamedTuple):
    """What a filler is given for one window of a picture."""

    rgb: NDArray[np.float32]
    """``(h, w, 3)`` in ``[0, 1]``."""
    hole: NDArray[np.bool_]
    """``(h, w)``, True = hole."""
    text: str | None = None
    seed: int | None = None
    reference: NDArray[np.float32] | None = None
    """``(H, W, 3)`` in ``[0, 1]``, a picture to take content from, uncropped."""


Predict = Callable[[Iterable[Crop]], Iterator[NDArray[np.float32]]]
"""Predicts ``(h, w, 3)`` in ``[0, 1]`` for each crop, in their order."""


def run_batched(filler: Filler, crops: Iterable[Crop], batch: int) -> Iterator[NDArray[np.float32]]:
    """Run a filler on crops: predictions ``(h, w, 3)`` in the order of the crops.

    Args:
        filler: predicts.
        crops: read as they are needed. Either all or none of them have a seed, and a reference.
        batch: largest number of crops in a batch. Only crops of one size that follow each other share a batch.

    Raises:
        InlayError: a prediction is not finite, or the GPU's memory does not suffice.
    """
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
