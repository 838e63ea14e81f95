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
from inlay.evaluation.results import Comparison, MetricInfo, ProbeInfo, ResultRow, Results, Value
from inlay.evaluation.scoring import features_of
from inlay.evaluation.statistics import Estimates, draws, estimates, interval, sums
from inlay.evaluation.store import Measured, SampleRecord, ShardHeader, different_pixels, joined
from inlay.metrics import MetricSpec, fid_kid

NOTHING = "gave no number: pictures too small for it, no captions, or no stochastic filler."
RESAMPLES = 1000
ENOUGH = 10
"""Pictures that an interval takes: resamples of fewer repeat each other, and call every other difference real."""


def summarize(measured: Mapping[str, Mapping[str, Measured]]) -> Results:
    """Put together what was measured of fillers on the same cases.

    Args:
        measured: by filler and probe, in the order in which they are shown, all of them complete; with the features of
            the originals where there are any.

    Raises:
        InlayError: fillers were tested by different protocols, on different pixels, by different versions of a probe,
            or on nothing at all.
    """
    fillers = {name: probes for name, probes in measured.items() if name != ORIGINAL}
    headers = [each.headers[0] for probes in fillers.values() for each in probes.values()]
    records = {name: joined(name, probes.values()) for name, probes in fillers.items()}
    rows = {name: [row for record in of_filler for row in record["rows"]] for name, of_filler in records.items()}
    _check_same_test(headers, rows)
    first, cases = headers[0], next(iter(rows.values()))
    by_bucket = _by_bucket(cases)
    specs = list({fields["name"]: MetricSpec(**fields) for header in headers for fields in header["specs"]}.values())
    truth = [record for each in measured.get(ORIGINAL, {}).values() for record in each.records]
    compared = {
        bucket: _estimates(rows, specs, places, first["protocol"]["recipe"]["seed"], number)
        for number, (bucket, places) in enumerate(by_bucket.items())
    }
    values: dict[str, dict[str, dict[str, Value]]] = {}
    for name in fillers:
        values[name] = {bucket: _values(found[name], specs) for bucket, found in compared.items()}
        for bucket, distances in _distances(truth, records[name], by_bucket, first["protocol"]["recipe"]["seed"]):
            values[name][bucket] |= distances
            values[name][bucket] |= _f1_with_fid(values[name][bucket])
    named = list(dict.fromkeys(name for found in values.values() for bucket in found.values() for name in bucket))
    used = {header["filler"]: header for header in headers}
    probes: dict[str, ProbeInfo] = {header["probe"]: header["info"] for header in headers}
    left_out = {name: why for header in headers for name, why in header["metrics_left_out"].items()}
    provenance: list[dict[str, Any]] = []
    for each in (each for probes in fillers.values() for each in probes.values()):
        for header in each.headers:
            if header["provenance"] not in provenance:
                provenance.append(header["provenance"])
    return Results(
        protocol={**first["protocol"], "samples": _digest(cases)},
        pictures=first["pictures"],
        buckets={bucket: len(places) for bucket, places in by_bucket.items()},
        fillers={name: header["identity"] for name, header in used.items()},
        options={name: header["options"] for name, header in used.items()},
        probes=probes,
        metrics=_described(specs, named),
        values=values,
        comparisons=[one for bucket, found in compared.items() for one in _comparisons(found, specs, bucket)],
        metrics_left_out={name: why for name, why in left_out.items() if name not in probes}
        | {spec.name: NOTHING for spec in specs if spec.name not in named},
        pictures_left_out=[out for record in next(iter(records.values())) for out in record["left_out"]],
        provenance=provenance,
    )


def _check_same_test(headers: Sequence[ShardHeader], rows: Mapping[str, list[ResultRow]]) -> None:
    if len(tests := {header["protocol"]["hash"]: header["filler"] for header in headers}) > 1:
        listed = ", ".join(f"{name} by {hash}" for hash, name in tests.items())
        raise InlayError(
            f"fillers were tested by different protocols ({listed}): they do not belong into one table. "
            "`inlay evaluation compare` puts them side by side."
        )
    known: dict[str, ProbeInfo] = {}
    for header in headers:
        if known.setdefault(header["probe"], header["info"]) != header["info"]:
            raise InlayError(
                f"fillers were measured by different versions of probe {header['probe']}, or with different weights. "
                "Evaluate them again with one of them; nothing is filled again."
            )
    if len({_digest(cases) for cases in rows.values()}) > 1:
        raise different_pixels()
    if not any(rows.values()):
        raise InlayError("no picture of the dataset has a hole by this protocol, so there is nothing to report.")


def _digest(cases: Sequence[ResultRow]) -> str:
    text = "".join(f"{row['picture']} {row['hole']} {row['sample']}\n" for row in cases)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _by_bucket(cases: Sequence[ResultRow]) -> dict[str, list[int]]:
    """The places of the rows of each bucket that has any; all of them last."""
    found: dict[str, list[int]] = {ALL: list(range(len(cases)))}
    for place, row in enumerate(cases):
        found.setdefault(row["bucket"], []).append(place)
    return {bucket: found[bucket] for bucket in in_order(list(found))}


def _estimates(
    rows: Mapping[str, list[ResultRow]], specs: Sequence[MetricSpec], places: Sequence[int], seed: int, bucket: int
) -> dict[str, Estimates]:
    here = {name: [of_filler[place] for place in places] for name, of_filler in rows.items()}
    pictures = sorted({row["picture"] for row in next(iter(here.values()))})
    counts = draws(len(pictures), RESAMPLES if len(pictures) >= ENOUGH else 0, seed, bucket)
    return {name: estimates(sums(found, specs, pictures), specs, counts) for name, found in here.items()}


def _values(found: Estimates, specs: Sequence[MetricSpec]) -> dict[str, Value]:
    values = {}
    for number, metric in enumerate(specs):
        value, (low, high) = found.values[number], interval(found.resampled[:, number])
        if not np.isnan(value):
            values[metric.name] = Value(value=_finite(value), low=_finite(low), high=_finite(high))
    return values


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _comparisons(found: Mapping[str, Estimates], specs: Sequence[MetricSpec], bucket: str) -> Iterator[Comparison]:
    for number, metric in enumerate(specs):
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
    truth: Sequence[SampleRecord], records: Sequence[SampleRecord], by_bucket: Mapping[str, Sequence[int]], seed: int
) -> Iterator[tuple[str, dict[str, Value]]]:
    """By bucket, the distances between the filled pictures and the originals as sets: FID, KID, U-IDS, P-IDS."""
    if not truth or not any(record["features"] for record in records):
        return
    originals = {record["picture"]: features_of(record["features"][""]) for record in truth if record["features"]}
    rows = [(record, row["hole"]) for record in records for row in record["rows"]]
    pairs = [(originals[record["picture"]], features_of(record["features"][hole])) for record, hole in rows]
    for bucket, places in by_bucket.items():
        holes: dict[str, list[int]] = {}
        for place in places:
            holes.setdefault(rows[place][1], []).append(place)
        sets = [[pairs[place] for place in of_hole] for of_hole in holes.values() if len(of_hole) > 1]
        yield bucket, _mean_distances(sets, seed)


def _mean_distances(sets: Sequence[Sequence[tuple[Any, Any]]], seed: int) -> dict[str, Value]:
    """The mean over the holes of a protocol, as no set may hold a picture twice; ``n`` is the smallest set's size."""
    found: dict[str, list[float]] = {}
    for pairs in sets:
        real, filled = (np.stack(side) for side in zip(*pairs, strict=True))
        with threadpool_limits(1):  # the last bits of BLAS depend on how many threads it has
            for metric, value in fid_kid.distances(real, filled, seed).items():
                found.setdefault(metric.rpartition("_n")[0], []).append(value)
    n = min(map(len, sets), default=0)
    means = {f"{kind}_n{n}": float(np.mean(values)) for kind, values in found.items()}
    return {name: Value(value=_finite(mean), low=None, high=None) for name, mean in means.items()}


def _f1_with_fid(values: Mapping[str, Value]) -> dict[str, Value]:
    known = {name: value["value"] for name, value in values.items() if value["value"] is not None}
    return {name: Value(value=f1, low=None, high=None) for name, f1 in fid_kid.f1_with_fid(known).items()}


def _described(specs: Sequence[MetricSpec], named: Sequence[str]) -> dict[str, MetricInfo]:
    """The metrics that have values, in their order, behind them those of sets, by bucket."""
    known = {metric.name: metric for metric in specs}
    of_sets = {name: metric for metric in fid_kid.METRICS for name in named if name.startswith(f"{metric.name}_n")}
    return {
        name: MetricInfo(better=metric.better, unit="dB" if metric.decibel else "", about=metric.about)
        for name, metric in (known | of_sets).items()
        if name in named
    }
