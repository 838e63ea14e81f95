"""A small evaluation made by hand: results, the rows that belong to them, and the pictures of a folder.

Three fillers, four cases of two buckets. ``telea`` is best on small holes, though within noise of the model; the model
is best on large ones and over all.
"""

from itertools import combinations
from typing import Any

import numpy as np

from inlay.buckets import ALL
from inlay.evaluation.results import Comparison, LeftOut, MetricInfo, ProbeInfo, ProtocolInfo, ResultRow, Results, Value
from inlay.evaluation.store import ShardHeader
from inlay.images import Picture, write_picture

MODEL = "model:runs/u_net|50%/best.ckpt"
"""A name with everything in it that a format may stumble over, save the angle brackets of pages."""
FILLERS = {"mean": "inlay 0.1.0", "telea": "OpenCV 4.13.0", MODEL: "sha256 0123456789abcdef"}
BUCKETS = {"10-20": 2, "40-50": 2, ALL: 4}
METRICS = {
    "psnr_hole": MetricInfo(better="higher", unit="dB", about="PSNR inside the holes."),
    "l1_hole": MetricInfo(better="lower", unit="", about="L1 inside the holes."),
    "tv": MetricInfo(better="neither", unit="", about="Roughness."),
    "fid_n2": MetricInfo(better="lower", unit="", about="Distance of sets."),
    "fid_n4": MetricInfo(better="lower", unit="", about="Distance of sets."),
}
VALUES = {  # by metric and bucket, in the order of the fillers
    ("psnr_hole", "10-20"): (18.004, 24.126, 24.051),
    ("psnr_hole", "40-50"): (15.5, 17.25, 19.996),
    ("psnr_hole", ALL): (16.5, 19.1, 21.3),
    ("l1_hole", "10-20"): (0.0512, 0.0234, 0.0241),
    ("l1_hole", "40-50"): (0.09, 0.08, 0.0612),
    ("l1_hole", ALL): (0.07, 0.05, 0.04),
    ("tv", "10-20"): (0.05, 0.06, 0.07),
    ("tv", "40-50"): (0.02, 0.03, 0.05),
    ("tv", ALL): (0.035, 0.045, 0.06),
    ("fid_n2", "10-20"): (123.456, 98.76, 54.321),
    ("fid_n2", "40-50"): (223.456, 198.76, 154.321),
    ("fid_n4", ALL): (173.456, 148.76, 104.321),
}
NOISE = {("psnr_hole", "10-20", "telea", MODEL), ("l1_hole", "10-20", "telea", MODEL)}
"""The pairs that cannot be told apart."""
ERRORS = {"mean": (0.016, 0.02, 0.03, 0.028), "telea": (0.001, 0.004, 0.02, 0.0), MODEL: (0.004, 0.004, 0.01, 0.01)}
"""``mse_hole`` of the four cases."""
PROVENANCE = {"version": "0.1.0", "git": "7abf8cd", "packages": {"python": "3.11.2", "torch": "2.15.0"}}


def results() -> Results:
    """The results; a new object each time."""
    return Results(
        protocol=ProtocolInfo(
            name="pconv_buckets",
            about="Six buckets of irregular holes, half of them off the border.",
            hash="0123456789abcdef",
            samples="fedcba9876543210",
            recipe={"masks": "bucketed", "seed": 7, "crop": 256},
        ),
        pictures=2,
        buckets=dict(BUCKETS),
        fillers=dict(FILLERS),
        metrics=dict(METRICS),
        values={filler: _values(place) for place, filler in enumerate(FILLERS)},
        comparisons=[*_comparisons()],
        options=dict.fromkeys(FILLERS, "strategy=whole"),
        probes={"lpips": ProbeInfo(version=1, settings={"weights": "sha256:0123"})},
        metrics_left_out={"lpips": "weights/vgg.pth is missing."},
        pictures_left_out=[LeftOut(id="dog_1.jpg", hole="object_1", reason="no object & no box.")],
        provenance=[PROVENANCE],
    )


def header(filler: str, probe: str, hash: str = "00", **fields: Any) -> ShardHeader:
    known = ShardHeader(
        protocol=ProtocolInfo(name="smoke", about="", hash=hash, samples="", recipe={"seed": 5}),
        pictures=3,
        filler=filler,
        identity=f"release of {filler}",
        options="strategy=whole",
        probe=probe,
        info=ProbeInfo(version=1, settings={}),
        specs=[],
        place=(0, 0),
        metrics_left_out={},
        provenance={},
    )
    return ShardHeader(**known | fields)


def rows() -> list[ResultRow]:
    cases = [
        {"picture": picture, "hole": hole, "id": f"pictures/{name}.jpg", "ratio": ratio, "bucket": bucket}
        for picture, name in enumerate(("cat", "dog"))
        for hole, ratio, bucket in (("small", 0.15, "10-20"), ("large", 0.45, "40-50"))
    ]
    told = {"caption": "", "sample": "00", "options": "strategy=whole"}
    return [
        ResultRow(filler=filler, **case, **told, mse_hole=error)
        for filler, errors in ERRORS.items()
        for case, error in zip(cases, errors, strict=True)
    ]


def write_pictures(folder, side=16):
    """The files of the evaluation: a gray truth, holes of one half and three quarters, each filler another gray."""
    for picture in range(2):
        _write(folder.original(picture), np.full((side, side, 3), 100))
        for hole, share in (("small", 2), ("large", 4)):
            mask = np.zeros((side, side, 1))
            mask[: side - side // share] = 255
            _write(folder.mask(picture, hole), mask)
            for gray, filler in zip((110, 120, 130), FILLERS, strict=True):
                _write(folder.filled(filler, picture, hole), np.full((side, side, 3), gray))


def _write(path, pixels):
    write_picture(path, Picture(pixels.astype(np.uint8)))


def _values(place):
    values = {bucket: {} for bucket in BUCKETS}
    for (metric, bucket), numbers in VALUES.items():
        low, high = (None, None) if metric.startswith("fid") else (0.9 * numbers[place], 1.1 * numbers[place])
        values[bucket][metric] = Value(value=numbers[place], low=low, high=high)
    return values


def _comparisons():
    for (metric, bucket), numbers in VALUES.items():
        if METRICS[metric]["better"] != "neither" and not metric.startswith("fid"):
            for (a, one), (b, other) in combinations(zip(FILLERS, numbers, strict=True), 2):
                noise = (metric, bucket, a, b) in NOISE
                reach = (2 if noise else 0.5) * abs(one - other)
                known = {"metric": metric, "bucket": bucket, "a": a, "b": b, "difference": one - other}
                yield Comparison(**known, low=one - other - reach, high=one - other + reach, within_noise=noise)
