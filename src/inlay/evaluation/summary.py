"""From rows to results: every metric by hole ratio, its confidence interval, and every pair of fillers compared."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from inlay.buckets import ALL, in_order
from inlay.errors import InlayError
from inlay.evaluation.folder import ORIGINAL
from inlay.evaluation.results import Comparison, MetricIs, Results, Row, Value
from inlay.evaluation.scoring import features_of
from inlay.evaluation.statistics import Estimates, draws, estimates, interval, sums
from inlay.evaluation.store import Measured
from inlay.metrics import MetricSpec, fid_kid

NOTHING = "gave no number: pictures too small for it, no captions, or no filler that draws."
RESAMPLES = 1000
ENOUGH = 10
"""Pictures that an interval takes: resamples of fewer repeat each other, and call every other difference real."""


def summarize(measured: Mapping[str, Measured]) -> Results:
    """Put together what was measured of fillers on the same cases.

    Args:
        measured: by filler, in the order in which they are shown, all of them complete; with the original where there
            are features.

    Raises:
        InlayError: fillers were tested by different protocols, on different pixels, or on nothing at all.
    """
    fillers = {name: found for name, found in measured.items() if name != ORIGINAL}
    heads = {name: found.heads[0] for name, found in fillers.items()}
    rows = {name: [row for line in found.lines for row in line["rows"]] for name, found in fillers.items()}
    _check_same_test(fillers, rows)
    first, cases = next(iter(heads.values())), next(iter(rows.values()))
    by_bucket = _by_bucket(cases)
    metrics = list(
        {fields["name"]: MetricSpec(**fields) for head in heads.values() for fields in head["metrics"]}.values()
    )
    if not metrics:
        raise InlayError("nothing was measured. Let protocol.metrics name a metric whose weights are at hand.")
    compared = {
        bucket: _estimates(rows, metrics, places, first["protocol"]["recipe"]["seed"], number)
        for number, (bucket, places) in enumerate(by_bucket.items())
    }
    values: dict[str, dict[str, dict[str, Value]]] = {}
    for name in fillers:
        values[name] = {bucket: _values(found[name], metrics) for bucket, found in compared.items()}
        for bucket, distances in _distances(measured, name, by_bucket):
            values[name][bucket] |= distances
    return Results(
        protocol={**first["protocol"], "samples": _digest(cases)},
        pictures=first["pictures"],
        buckets={bucket: len(places) for bucket, places in by_bucket.items()},
        fillers={name: head["identity"] for name, head in heads.items()},
        weights={name: version for head in heads.values() for name, version in head["weights"].items()},
        metrics=_described(metrics, values),
        values=values,
        comparisons=[one for bucket, found in compared.items() for one in _comparisons(found, metrics, bucket)],
        metrics_left_out={name: why for head in heads.values() for name, why in head["metrics_left_out"].items()}
        | {metric.name: NOTHING for metric in metrics if not _has_values(metric.name, values)},
        pictures_left_out=[out for line in next(iter(fillers.values())).lines for out in line["left_out"]],
        provenance=_joined([head["provenance"]] for found in fillers.values() for head in found.heads),
    )


def _has_values(metric: str, values: Mapping[str, Mapping[str, Mapping[str, Value]]]) -> bool:
    return any(metric in of_bucket for of_filler in values.values() for of_bucket in of_filler.values())


def _check_same_test(fillers: Mapping[str, Measured], rows: Mapping[str, list[Row]]) -> None:
    if len(tests := {found.heads[0]["protocol"]["hash"]: name for name, found in fillers.items()}) > 1:
        told = ", ".join(f"{name} by {hash}" for hash, name in tests.items())
        raise InlayError(
            f"fillers were tested by different protocols ({told}): they do not belong into one table. "
            "`inlay evaluation compare` puts them side by side."
        )
    for name in sorted({name for found in fillers.values() for name in found.heads[0]["weights"]}):
        versions = {found.heads[0]["weights"][name] for found in fillers.values() if name in found.heads[0]["weights"]}
        if len(versions) > 1:
            raise InlayError(
                f"fillers were measured through different weights.{name}: {', '.join(sorted(versions))}. Evaluate them "
                "again with one of them; nothing is filled again."
            )
    if len({_digest(cases) for cases in rows.values()}) > 1:
        raise InlayError(
            "fillers were given different pixels: files of the dataset, or of the masks, changed between the runs. "
            "Evaluate all of them again, in a new run_dir."
        )
    if not any(rows.values()):
        raise InlayError("no picture of the dataset has a hole by this protocol, so there is nothing to report.")


def _digest(cases: Sequence[Row]) -> str:
    told = "".join(f"{row['picture']} {row['hole']} {row['sample']}\n" for row in cases)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _by_bucket(cases: Sequence[Row]) -> dict[str, list[int]]:
    """The places of the rows of each bucket that has any; all of them last."""
    found: dict[str, list[int]] = {ALL: list(range(len(cases)))}
    for place, row in enumerate(cases):
        found.setdefault(row["bucket"], []).append(place)
    return {bucket: found[bucket] for bucket in in_order(list(found))}


def _joined(lists: Any) -> list[Any]:
    """Everything that is in any of several lists, once, in the order of its first appearance."""
    joined: list[Any] = []
    for one in lists:
        joined += [thing for thing in one if thing not in joined]
    return joined


def _estimates(
    rows: Mapping[str, list[Row]], metrics: Sequence[MetricSpec], places: Sequence[int], seed: int, bucket: int
) -> dict[str, Estimates]:
    here = {name: [of_filler[place] for place in places] for name, of_filler in rows.items()}
    pictures = sorted({row["picture"] for row in next(iter(here.values()))})
    counts = draws(len(pictures), RESAMPLES if len(pictures) >= ENOUGH else 0, seed, bucket)
    return {name: estimates(sums(found, metrics, pictures), metrics, counts) for name, found in here.items()}


def _values(found: Estimates, metrics: Sequence[MetricSpec]) -> dict[str, Value]:
    values = {}
    for number, metric in enumerate(metrics):
        value, (low, high) = found.values[number], interval(found.resampled[:, number])
        if not np.isnan(value):
            values[metric.name] = Value(value=_finite(value), low=_finite(low), high=_finite(high))
    return values


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _comparisons(found: Mapping[str, Estimates], metrics: Sequence[MetricSpec], bucket: str) -> Iterator[Comparison]:
    for number, metric in enumerate(metrics):
        if metric.better == "neither":
            continue
        for a, b in combinations(found, 2):
            with np.errstate(invalid="ignore"):  # two without any error
                difference = found[a].values[number] - found[b].values[number]
                low, high = interval(found[a].resampled[:, number] - found[b].resampled[:, number])
            if np.isfinite([difference, low, high]).all():
                yield Comparison(
                    metric=metric.name,
                    bucket=bucket,
                    a=a,
                    b=b,
                    difference=float(difference),
                    low=low,
                    high=high,
                    within_noise=low <= 0 <= high,
                )


def _distances(
    measured: Mapping[str, Measured], name: str, by_bucket: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, dict[str, Value]]]:
    """By bucket, how far a filler's pictures are from the originals as sets: FID and its kin."""
    if ORIGINAL not in measured or not measured[name].heads[0]["features"]:
        return
    truth = {
        line["picture"]: features_of(line["features"][""]) for line in measured[ORIGINAL].lines if line["features"]
    }
    pairs = [
        (truth[row["picture"]], features_of(line["features"][row["hole"]]))
        for line in measured[name].lines
        for row in line["rows"]
    ]
    seed = measured[name].heads[0]["protocol"]["recipe"]["seed"]
    rows = [row for line in measured[name].lines for row in line["rows"]]
    for bucket, places in by_bucket.items():
        holes: dict[str, list[int]] = {}
        for place in places:
            holes.setdefault(rows[place]["hole"], []).append(place)
        sets = [[pairs[place] for place in of_hole] for of_hole in holes.values() if len(of_hole) > 1]
        yield bucket, _mean_distances(sets, seed)


def _mean_distances(sets: Sequence[Sequence[tuple[Any, Any]]], seed: int) -> dict[str, Value]:
    """The mean over the holes of a protocol, as no set may hold a picture twice; ``n`` is that of the smallest set."""
    found: dict[str, list[float]] = {}
    for pairs in sets:
        real, filled = (np.stack(side) for side in zip(*pairs, strict=True))
        with threadpool_limits(1):  # the last bits of BLAS depend on how many threads it has
            for metric, value in fid_kid.distances(real, filled, seed).items():
                found.setdefault(metric.rpartition("_n")[0], []).append(value)
    n = min(map(len, sets), default=0)
    means = {f"{kind}_n{n}": float(np.mean(values)) for kind, values in found.items()}
    return {name: Value(value=_finite(mean), low=None, high=None) for name, mean in means.items()}


def _described(
    metrics: Sequence[MetricSpec], values: Mapping[str, Mapping[str, Mapping[str, Value]]]
) -> dict[str, MetricIs]:
    """What the values are of, in the order of metrics; those of sets, by bucket, behind."""
    named = dict.fromkeys(
        name for of_filler in values.values() for of_bucket in of_filler.values() for name in of_bucket
    )
    known = {metric.name: metric for metric in metrics}
    of_sets = {name: metric for metric in fid_kid.METRICS for name in named if name.startswith(f"{metric.name}_n")}
    return {name: _is(metric) for name, metric in (known | of_sets).items() if name in named}


def _is(metric: MetricSpec) -> MetricIs:
    return MetricIs(better=metric.better, unit="dB" if metric.decibel else "", about=metric.about)
