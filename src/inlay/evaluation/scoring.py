"""From an answer to its row: everything that a protocol measures."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inlay.buckets import bucket
from inlay.evaluation.results import Row
from inlay.evaluation.samples import EvalSample
from inlay.evaluation.store import stored
from inlay.metrics import FillResult, Metric, MetricSpec


class FeatureNetwork(Protocol):
    """What makes numbers of pictures whose distributions are compared (FID and its kin)."""

    def features(self, pictures: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in ``[0, 1]`` to ``(B, D)`` float32."""
        ...


@dataclass(frozen=True)
class Scorer:
    """What is measured.

    Attributes:
        single: measures of single answers.
        network: what FID and its kin look through; None without weights.
        left_out: what the protocol asks for and cannot be had here, with the reason.
        weights: which versions of networks are looked through, by the settings that name them.
    """

    single: Sequence[Metric]
    network: FeatureNetwork | None
    left_out: Mapping[str, str]
    weights: Mapping[str, str]

    @classmethod
    def of(cls, built: Mapping[str, Any], left_out: Mapping[str, str], weights: Mapping[str, str]) -> "Scorer":
        """Sort what a protocol's ``metrics`` were built to."""
        networks = [measure for measure in built.values() if hasattr(measure, "features")]
        single = [measure for measure in built.values() if not hasattr(measure, "features")]
        return cls(single, networks[0] if networks else None, left_out, weights)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """All metrics of single answers, each once, as plain data."""
        named: dict[str, MetricSpec] = {metric.name: metric for measure in self.single for metric in measure.metrics}
        return [asdict(metric) for metric in named.values()]

    def row(self, filler: str, cases: EvalSample, hole: str, answers: Sequence[NDArray[np.uint8]], told: bool) -> Row:
        """Measure the answers to one hole.

        Args:
            filler: the name of who gave them.
            cases: the picture.
            hole: which of its holes.
            answers: ``(H, W, 3)`` RGB, the one that counts first, behind it those that are compared with each other.
            told: whether the filler was told the caption.
        """
        assert cases.image is not None
        mask = cases.masks[hole]
        first, *samples = map(tensor, answers)
        captions = (cases.caption,) if told and cases.caption else ()
        holed = torch.from_numpy(mask)[None, None].double()
        answer = FillResult(first, tensor(cases.image), holed, captions, samples)
        columns = {name: float(column) for measure in self.single for name, column in measure(answer).items()}
        for metric in (metric for measure in self.single for metric in measure.metrics if metric.decibel):
            columns[metric.name] = float(metric.finish(np.array(columns[metric.of])))
        row = Row(
            filler=filler,
            picture=cases.picture,
            hole=hole,
            id=cases.id,
            ratio=float(mask.mean()),
            bucket=bucket(int(np.count_nonzero(mask)), mask.size),
            caption=cases.caption,
            sample=cases.digest(hole),
        )
        return cast(Row, {**row, **stored(columns)})

    def features(self, picture: NDArray[np.uint8]) -> str:
        """What the network sees in a picture, as text."""
        assert self.network is not None
        return base64.b64encode(self.network.features(tensor(picture).float()).numpy().tobytes()).decode()


def tensor(picture: NDArray[np.uint8]) -> Tensor:
    """``(H, W, 3)`` bytes to ``(1, 3, H, W)`` float64 in ``[0, 1]``: a file's own pixels, without rounding."""
    return (torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255).contiguous()


def features_of(text: str) -> NDArray[np.float32]:
    """The inverse of :meth:`Scorer.features`."""
    return np.frombuffer(base64.b64decode(text), np.float32)
