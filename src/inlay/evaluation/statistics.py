"""Means over pictures, how sure they are, and whether two of them differ: the bootstrap (Efron 1979).

Pictures are what is resampled, each with all its holes, as the holes of one picture are not independent of each other.
All fillers get the same resamples, so that a difference is one of pairs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inlay.evaluation.results import ResultRow
from inlay.metrics import MetricSpec
from inlay.randomness import RngStream, generator

CONFIDENCE = 0.95
_AT_ONCE = 50  # resamples: bounds the memory


Sums = tuple[NDArray[np.float64], NDArray[np.float64]]
"""``(pictures, metrics)`` each, summed over a picture's holes: columns times their weights; the weights."""


class Estimates(NamedTuple):
    """Metrics of a filler over a bucket."""

    values: NDArray[np.float64]
    """``(metrics,)``; NaN where nothing was measured."""
    resampled: NDArray[np.float64]
    """``(resamples, metrics)``: the values on resampled pictures."""


def sums(rows: Sequence[ResultRow | Mapping[str, Any]], metrics: Sequence[MetricSpec], pictures: Sequence[int]) -> Sums:
    """Add up the rows of each picture of one filler; all their pictures must be among ``pictures``."""
    place = {picture: number for number, picture in enumerate(pictures)}
    at = np.array([place[row["picture"]] for row in rows], np.intp)
    weighted, weights = np.zeros((2, len(pictures), len(metrics)))
    for number, metric in enumerate(metrics):
        column = _numbers(rows, metric.column)
        weight = _numbers(rows, metric.weight) if metric.weight else np.ones(len(rows))
        weight = np.where(np.isnan(column), 0, weight)
        np.add.at(weighted[:, number], at, np.where(weight > 0, column, 0) * weight)
        np.add.at(weights[:, number], at, weight)
    return weighted, weights


def draws(pictures: int, resamples: int, seed: int, bucket: int) -> NDArray[np.uint16]:
    """Draw how often each picture is in each resample, ``(resamples, pictures)``; buckets have draws of their own."""
    rng = generator(seed, RngStream.BOOTSTRAP, index=bucket)
    counts, even = np.empty((resamples, pictures), np.uint16), np.full(pictures, 1 / pictures)
    for start in range(0, resamples, _AT_ONCE):
        part = counts[start : start + _AT_ONCE]
        part[:] = rng.multinomial(pictures, even, len(part))
    return counts


def estimates(found: Sums, metrics: Sequence[MetricSpec], counts: NDArray[np.uint16]) -> Estimates:
    """Values of metrics, in the order of the sums, on the pictures and on what :func:`draws` resampled of them."""
    once = np.ones((1, len(found[0])), np.uint16)
    return Estimates(_values(once, found, metrics)[0], _values(counts, found, metrics))


def interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    """The percentile interval of a value: where 95 % of the finite ones of ``(resamples,)`` lie."""
    finite = resampled[np.isfinite(resampled)]
    if not finite.size:
        return float("nan"), float("nan")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def _values(counts: NDArray[np.uint16], found: Sums, metrics: Sequence[MetricSpec]) -> NDArray[np.float64]:
    """Not by BLAS, whose last bits depend on how many threads it has."""
    parts = []
    for start in range(0, len(counts), _AT_ONCE):
        part = counts[start : start + _AT_ONCE].astype(np.float64)
        weighted, weights = (np.einsum("rp,pm->rm", part, x) for x in found)
        with np.errstate(invalid="ignore"):
            parts.append(weighted / weights)
    means = np.concatenate(parts) if parts else np.empty((0, len(metrics)))
    values = [metric.finish(means[:, number]) for number, metric in enumerate(metrics)]
    return np.stack(values, axis=1) if values else means


def _numbers(rows: Sequence[ResultRow | Mapping[str, Any]], column: str) -> NDArray[np.float64]:
    return np.array([row.get(column) for row in rows], np.float64)  # None becomes NaN
