"""From rows to results, on a test made by hand: three pictures, two holes each, two fillers."""

import base64
import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest

from inlay.errors import InlayError
from inlay.evaluation.folder import ORIGINAL
from inlay.evaluation.store import Measured, SampleRecord
from inlay.evaluation.summary import summarize
from inlay.metrics import MetricSpec
from inlay.metrics.fid_kid import distances
from tests.evaluation.examples import header

METRICS = [
    MetricSpec("l1", "lower", weight="hole_pixels", about="Distance."),
    MetricSpec("psnr", "higher", column="mse", weight="hole_pixels", decibel=True),
    MetricSpec("tv", "neither"),
]
HOLES = {"small": "1-10", "large": "40-50"}
PIXELS = {"small": (10, 20, 30), "large": (100, 200, 300)}
GOOD = {"small": (0.1, 0.2, 0.3), "large": (0.4, 0.5, 0.6)}
"""``l1`` of the better filler, by hole and picture; its ``mse`` is a tenth of that."""
WORSE = 0.125


@pytest.fixture(autouse=True)
def _three_are_enough(monkeypatch):
    monkeypatch.setattr("inlay.evaluation.summary.ENOUGH", 3)


def record(picture, shift=0.0):
    rows = [
        {"picture": picture, "hole": hole, "bucket": bucket, "sample": f"{picture}{hole}"}
        | {"l1": GOOD[hole][picture] + shift, "mse": (GOOD[hole][picture] + shift) / 10}
        | {"tv": 0.5 if hole == "small" else None, "hole_pixels": float(PIXELS[hole][picture])}
        for hole, bucket in HOLES.items()
    ]
    return SampleRecord(picture=picture, rows=rows, features={}, left_out=[])


def measured(filler, shift=0.0):
    told = {"metrics_left_out": {"lpips": "no weights"}, "provenance": {"git": "abc"}}
    head = header(filler, "errors", specs=[asdict(metric) for metric in METRICS], **told)
    return {"errors": Measured([head], [record(picture, shift) for picture in range(3)])}


@pytest.fixture
def two():
    return {"bad": measured("bad", WORSE), "good": measured("good")}


def rows(two, *pictures):
    return [row for found in two.values() for picture in pictures for row in found["errors"].records[picture]["rows"]]


def pooled(holes, column, shift=0.0):
    pixels = [n for hole in holes for n in PIXELS[hole]]
    numbers = [value + shift for hole in holes for value in GOOD[hole]]
    mean = np.average(numbers, weights=pixels)
    return mean if column == "l1" else -10 * np.log10(mean / 10)


def one(results, metric, bucket):
    [found] = [each for each in results["comparisons"] if (each["metric"], each["bucket"]) == (metric, bucket)]
    return found


def test_values_are_pooled_by_hand_and_everything_is_in_the_order_it_was_asked_for(two):
    results = summarize(two)
    assert list(results["buckets"].items()) == [("1-10", 3), ("40-50", 3), ("all", 6)]
    assert (results["pictures"], results["protocol"]["hash"]) == (3, "00")
    assert list(results["fillers"].items()) == [("bad", "release of bad"), ("good", "release of good")]
    assert list(results["values"]) == ["bad", "good"]
    for bucket, holes in {"1-10": ["small"], "40-50": ["large"], "all": HOLES}.items():
        for filler, shift in (("good", 0.0), ("bad", WORSE)):
            found = results["values"][filler][bucket]
            for metric in ("l1", "psnr"):
                assert found[metric]["value"] == pytest.approx(pooled(holes, metric, shift), rel=1e-12)
                assert found[metric]["low"] < found[metric]["value"] < found[metric]["high"]
            known = None if bucket == "40-50" else {"value": 0.5, "low": 0.5, "high": 0.5}
            assert found.get("tv") == known, "what is not measured in a bucket is absent"


def test_a_psnr_without_any_error_is_null_and_two_of_them_are_not_compared():
    fillers = {name: measured(name) for name in ("one", "other")}
    for row in rows(fillers, 0, 1, 2)[::2]:
        row["mse"] = 0.0  # every small hole; of the large ones no resample is perfect
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = summarize(fillers)
    assert results["values"]["one"]["1-10"]["psnr"] == {"value": None, "low": None, "high": None}
    assert {each["bucket"] for each in results["comparisons"] if each["metric"] == "psnr"} == {"40-50", "all"}


def test_comparisons_are_of_pairs(two):
    results = summarize(two)
    assert {each["metric"] for each in results["comparisons"]} == {"l1", "psnr"}  # and no mere description
    two["bad"]["errors"].headers[0]["specs"][0] = asdict(replace(METRICS[0], about="The same in other words."))
    one(summarize(two), "l1", "all")  # once
    for bucket in results["buckets"]:
        found, psnr = (one(results, metric, bucket) for metric in ("l1", "psnr"))
        assert (found["a"], found["b"]) == ("bad", "good")
        for key in ("difference", "low", "high"):
            assert found[key] == pytest.approx(WORSE, rel=1e-9), "every picture differs by the same"
        assert psnr["low"] <= psnr["difference"] <= psnr["high"] < 0
        assert found["within_noise"] is psnr["within_noise"] is False


def test_a_difference_that_goes_either_way_is_noise(two):
    for picture, shift in enumerate((0.05, -0.05, 0.01)):
        for row in two["good"]["errors"].records[picture]["rows"]:
            row["l1"] += WORSE + shift
    found = one(summarize(two), "l1", "1-10")
    assert found["low"] < 0 < found["high"]
    assert found["within_noise"] is True
    assert found["difference"] == pytest.approx((-0.05 * 10 + 0.05 * 20 - 0.01 * 30) / 60)


def test_every_pair_is_compared_and_equal_ones_are_within_noise():
    results = summarize({name: measured(name) for name in "cab"})
    assert {(each["a"], each["b"]) for each in results["comparisons"]} == {("c", "a"), ("c", "b"), ("a", "b")}
    for each in results["comparisons"]:
        assert (each["difference"], each["low"], each["high"], each["within_noise"]) == (0, 0, 0, True)
    alone = summarize({"good": measured("good")})
    assert (alone["comparisons"], list(alone["fillers"])) == ([], ["good"])


def test_metrics_are_described_in_their_order_probes_listed_provenance_joined_and_left_out_pictures_named(two):
    results = summarize(two)
    assert list(results["metrics"].items()) == [
        ("l1", {"better": "lower", "unit": "", "about": "Distance."}),
        ("psnr", {"better": "higher", "unit": "dB", "about": ""}),
        ("tv", {"better": "neither", "unit": "", "about": ""}),
    ]
    assert results["metrics_left_out"] == {"lpips": "no weights"}
    two["good"]["lpips"] = Measured([header("good", "lpips")], two["good"]["errors"].records)
    two["bad"]["errors"].headers.extend([header("bad", "errors", provenance={"git": "other"})] * 2)
    two["bad"]["errors"].records[1]["left_out"].append(out := {"id": "1.png", "hole": "object", "reason": "too small"})
    results = summarize(two)
    assert list(results["probes"]) == ["errors", "lpips"]
    assert "lpips" not in results["metrics_left_out"]
    assert results["options"] == dict.fromkeys(("bad", "good"), "strategy=whole")
    assert (results["provenance"], results["pictures_left_out"]) == ([{"git": "abc"}, {"git": "other"}, {}], [out])


def test_different_protocols_and_versions_of_a_probe_are_refused(two):
    [head] = two["good"]["errors"].headers
    head["info"] = {"version": 2, "settings": {}}
    with pytest.raises(InlayError, match=r"different versions of probe errors.*again"):
        summarize(two)
    head["protocol"] = head["protocol"] | {"hash": "11"}
    with pytest.raises(InlayError, match=r"different protocols \(bad by 00, good by 11\).*inlay evaluation compare"):
        summarize(two)


@pytest.mark.parametrize("change", [{"sample": "other"}, {"hole": "other"}, {"picture": 7}, None])
def test_different_pixels_and_a_missing_row_are_refused(two, change):
    found = two["bad"]["errors"].records[1]["rows"]
    found[:1] = [found[0] | change] if change else []
    with pytest.raises(InlayError, match=r"given different pixels.*new run_dir"):
        summarize(two)


def test_the_digest_is_of_the_cases_alone_and_nothing_at_all_is_refused(two):
    known = summarize(two)["protocol"]["samples"]
    assert len(known) == 16
    assert summarize({"good": measured("good")})["protocol"]["samples"] == known
    for row in rows(two, 0)[::2]:
        row["sample"] = "another picture"
    assert summarize(two)["protocol"]["samples"] != known
    for found in two.values():
        for line in found["errors"].records:
            line["rows"] = []
    with pytest.raises(InlayError, match="nothing to report"):
        summarize(two)


# Metrics of sets.


def encoded(vector):
    return base64.b64encode(np.asarray(vector, np.float32).tobytes()).decode()


@pytest.fixture
def features(rng):
    """Features of the originals, and of the answers by hole; three pictures each."""
    return {hole: rng.normal(size=(3, 4)).astype(np.float32) for hole in ("", *HOLES)}


def with_features(two, features):
    """The better filler's fills have features; the worse one returns the originals."""
    for name, found in two.items():
        records = [
            record | {"features": {hole: encoded(features[hole if name == "good" else ""][picture]) for hole in HOLES}}
            for picture, record in enumerate(found["errors"].records)
        ]
        found["inception"] = Measured([header(name, "inception")], records)
    truth = [
        SampleRecord(picture=picture, rows=[], features={"": encoded(vector)}, left_out=[])
        for picture, vector in enumerate(features[""])
    ]
    return two | {ORIGINAL: {"inception": Measured([header(ORIGINAL, "inception")], truth)}}


def test_metrics_of_sets_are_of_each_bucket(two, features):
    results = summarize(with_features(two, features))
    small, large = (distances(features[""], features[hole], seed=5) for hole in HOLES)
    both = {name: (small[name] + large[name]) / 2 for name in small}
    assert list(results["fillers"]) == list(results["values"]) == ["bad", "good"]  # the original is none
    for bucket, known in {"1-10": small, "40-50": large, "all": both}.items():
        found = results["values"]["good"][bucket]
        assert {name: found[name]["value"] for name in known} == pytest.approx(known, rel=1e-9)
        assert all((found[name]["low"], found[name]["high"]) == (None, None) for name in known)
    assert list(results["metrics"]) == ["l1", "psnr", "tv", "fid_n3", "kid_n3", "u_ids_n3", "p_ids_n3"]
    assert results["metrics"]["fid_n3"]["better"] == "lower"
    assert results["metrics"]["p_ids_n3"]["better"] == "higher"
    assert {each["metric"] for each in results["comparisons"]} == {"l1", "psnr"}
    bad = results["values"]["bad"]  # gives back the originals
    assert bad["1-10"]["fid_n3"]["value"] == pytest.approx(0, abs=1e-9)
    assert bad["all"]["p_ids_n3"]["value"] == 0, "no answer beats its own original: the pairs are right"


def test_lamas_summary_is_of_ssim_and_fid(two, features):
    for found in two.values():
        found["errors"].headers[0]["specs"].append(asdict(MetricSpec("ssim", "higher", column="l1")))
    results = summarize(with_features(two, features))
    ssim, fid, f1 = (results["values"]["bad"]["all"][name]["value"] for name in ("ssim", "fid_n3", "ssim_fid100_f1_n3"))
    assert fid == pytest.approx(0, abs=1e-9)
    assert f1 == pytest.approx(2 * ssim / (ssim + 1.001))
    assert results["metrics"]["ssim_fid100_f1_n3"]["better"] == "higher"


def test_pairs_go_by_picture_where_a_hole_is_missing(two, features):
    for found in two.values():
        del found["errors"].records[0]["rows"][0]
    measured = with_features(two, features)
    found = summarize(measured)["values"]["good"]["1-10"]
    known = distances(features[""][1:], features["small"][1:], seed=5)
    assert {name: found[name]["value"] for name in known} == pytest.approx(known, rel=1e-9)


def test_a_broken_picture_and_a_filler_may_have_no_features(two, features):
    measured = with_features(two, features)
    for found in measured.values():
        for each in found.values():
            each.records[1]["features"], each.records[1]["rows"] = {}, []
    del measured["bad"]["inception"]
    results = summarize(measured)
    assert results["buckets"] == {"1-10": 2, "40-50": 2, "all": 4}
    assert "fid_n2" in results["values"]["good"]["all"]
    assert "fid_n2" not in results["values"]["bad"]["all"]


def test_few_pictures_allow_no_comparison(two, monkeypatch):
    monkeypatch.setattr("inlay.evaluation.summary.ENOUGH", 4)
    results = summarize(two)
    assert results["comparisons"] == []
    known = {"value": pytest.approx(pooled(HOLES, "l1")), "low": None, "high": None}
    assert results["values"]["good"]["all"]["l1"] == known


def test_a_metric_of_one_filler_is_absent_for_the_other_and_one_without_any_number_is_left_out(two):
    two["good"]["errors"].headers[0]["specs"].append(asdict(MetricSpec("clip_score", "higher")))
    for found in two.values():
        found["errors"].headers[0]["specs"].append(asdict(MetricSpec("ms_ssim", "higher")))
    for row in rows({"good": two["good"]}, 0, 1, 2):
        row["clip_score"] = 0.25
    results = summarize(two)
    assert results["values"]["good"]["all"]["clip_score"]["value"] == 0.25
    assert "clip_score" not in results["values"]["bad"]["all"]
    assert list(results["metrics"]) == ["l1", "psnr", "tv", "clip_score"]
    assert all(each["metric"] != "clip_score" for each in results["comparisons"])
    assert results["metrics_left_out"]["ms_ssim"].startswith("gave no number")
