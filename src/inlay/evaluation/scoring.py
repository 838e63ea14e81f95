"""From filled pixels to numbers: the probes of an evaluation."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inlay.buckets import bucket
from inlay.evaluation.protocol import EvalSample
from inlay.evaluation.results import ProbeInfo, ResultRow
from inlay.metrics import FeatureExtractor, FillResult, Metric


@dataclass(frozen=True)
class Probe:
    """Something that is measured of every filled picture.

    Attributes:
        metric: what measures.
        settings: its configuration as plain data, with digests of weights.
    """

    metric: Metric
    settings: Mapping[str, Any]

    @property
    def info(self) -> ProbeInfo:
        """What stands beside its numbers; others replace them."""
        return ProbeInfo(version=self.metric.version, settings=dict(self.settings))

    @property
    def has_features(self) -> bool:
        """Whether it makes features, whose distributions are compared."""
        return isinstance(self.metric, FeatureExtractor)

    def columns(self, result: FillResult) -> dict[str, float | None]:
        """The numbers of a single picture; None, which JSON has, for NaN and for the PSNR of equal pictures."""
        columns = {name: float(column) for name, column in self.metric(result).items()}
        for spec in self.metric.specs:
            if spec.decibel and spec.column in columns:
                columns[spec.name] = float(spec.finish(np.array(columns[spec.column])))
        return {name: number if math.isfinite(number) else None for name, number in columns.items()}

    def features(self, picture: NDArray[np.uint8]) -> str:
        """The features of ``(H, W, 3)`` bytes, as text."""
        assert isinstance(self.metric, FeatureExtractor)
        return base64.b64encode(self.metric.features(tensor(picture).float()).numpy().tobytes()).decode()


def fill_result(
    sample: EvalSample, hole: str, fills: Sequence[NDArray[np.uint8]], takes_text: bool, truth: bool
) -> FillResult:
    """The input of metrics for one filled hole.

    Of the ``fills``, ``(H, W, 3)`` RGB, the first is measured, the others are compared with each other. Without
    ``truth`` the picture is not what should have appeared.
    """
    assert sample.image is not None
    first, *others = map(tensor, fills)
    mask = torch.from_numpy(sample.masks[hole])[None, None].double()
    captions = (sample.caption,) if takes_text and sample.caption else ()
    return FillResult(first, mask, tensor(sample.image) if truth else None, captions, others)


def result_row(
    filler: str, options: str, sample: EvalSample, hole: str, columns: Mapping[str, float | None]
) -> ResultRow:
    """The row of one filled hole."""
    mask = sample.masks[hole]
    row = ResultRow(
        filler=filler,
        picture=sample.picture,
        hole=hole,
        id=sample.id,
        ratio=float(mask.mean()),
        bucket=bucket(int(np.count_nonzero(mask)), mask.size),
        caption=sample.caption,
        sample=sample.digest(hole),
        options=options,
    )
    return cast(ResultRow, {**row, **columns})


def tensor(picture: NDArray[np.uint8]) -> Tensor:
    """``(H, W, 3)`` bytes to ``(1, 3, H, W)`` float64 in ``[0, 1]``: a file's own pixels, without rounding."""
    return (torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255).contiguous()


def features_of(text: str) -> NDArray[np.float32]:
    """The inverse of :meth:`Probe.features`."""
    return np.frombuffer(base64.b64decode(text), np.float32)
