import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import matplotlib
import pytest

from inlay.buckets import ALL
from inlay.evaluation.curves import COLORS, DRAWN, MARKERS, Curve, color, curves
from inlay.evaluation.results import MetricInfo, Value
from tests.evaluation.examples import MODEL, results

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def lines(svg, paint):
    """The points of what is drawn in a color and not filled, in the drawing's coordinates (y downward)."""
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    drawn = [
        path.get("d")
        for path in paths
        if f"stroke: {paint}" in path.get("style", "") and "fill: none" in path.get("style")
    ]
    return [[tuple(map(float, point)) for point in re.findall(r"[ML] (\S+) (\S+)", path)] for path in drawn]


def test_what_was_measured_is_drawn_in_order():
    assert [curve.metric for curve in curves(results())] == ["psnr_hole", "l1_hole"]
    assert "tv" not in DRAWN


def test_a_line_goes_through_the_values():
    drawn = curves(results())[0]
    [[(x0, y0), (x1, y1)]] = lines(drawn.light, color(0, "light"))  # mean: 18.004, 15.5
    [[(_, y2), (_, y3)]] = lines(drawn.light, color(2, "light"))  # model: 24.051, 19.996
    assert x1 > x0
    assert (y1 - y0) / (y3 - y2) == pytest.approx((18.004 - 15.5) / (24.051 - 19.996), rel=1e-4)
    assert (y0 - y2) / (y1 - y0) == pytest.approx((24.051 - 18.004) / (18.004 - 15.5), rel=1e-4)


def test_the_band_is_the_interval():
    drawn = curves(results())[0].light
    [[(_, y0), (_, y1)]] = lines(drawn, color(0, "light"))
    groups = ElementTree.fromstring(drawn).iter(f"{SVG}g")
    band = next(group for group in groups if "PolyCollection" in group.get("id", "")).find(f".//{SVG}path")
    heights = [float(y) for _, y in re.findall(r"[ML] (\S+) (\S+)", band.get("d"))]
    scale = (y1 - y0) / (18.004 - 15.5)  # of the drawing, a decibel; the band is 0.9 to 1.1 times the value
    assert max(heights) - min(heights) == pytest.approx(scale * (1.1 * 18.004 - 0.9 * 15.5), rel=1e-4)


def test_it_can_be_read():
    [psnr, _] = curves(results())
    assert {"psnr_hole, dB ↑", "mean", "telea", "10\N{EN DASH}20", "hole, % of the picture"} <= set(texts(psnr.dark))
    assert "model:ru\N{HORIZONTAL ELLIPSIS}best.ckpt" in texts(psnr.light)
    root = ElementTree.fromstring(psnr.light)
    assert root.get("role") == "img"
    assert all("system-ui, sans-serif" in text.get("style") for text in root.iter(f"{SVG}text"))
    assert root.get("aria-label") == f"psnr_hole of mean, telea, {MODEL} for holes of 10-20 %, 40-50 %"


def test_names_do_not_overlap_where_lines_end_together():
    given = results()
    for filler in given["fillers"]:
        given["values"][filler]["40-50"]["psnr_hole"]["value"] = 17.0
    root = ElementTree.fromstring(curves(given)[0].light)
    labels = [
        text for text in root.iter(f"{SVG}text") if "".join(text.itertext()).startswith(("mean", "telea", "model"))
    ]
    heights = sorted(float(label.get("y")) for label in labels)
    assert len(heights) == 3
    assert all(below - above > 10 for above, below in pairwise(heights))  # letters of nine points, in points


def test_with_one_bucket_fillers_are_points_with_bars():
    given = results()
    given["buckets"] = {"10-20": 2, ALL: 2}
    drawn = curves(given)[0].light
    assert "holes of 10-20 %" in texts(drawn)
    [[(low, y), (high, same)]] = lines(drawn, color(0, "light"))
    [[(other, _), _]] = lines(drawn, color(1, "light"))
    assert y == same
    assert (other - low) / (high - low) == pytest.approx((0.9 * 24.126 - 0.9 * 18.004) / (0.2 * 18.004), rel=1e-4)


def test_without_buckets_all_cases_are_the_one():
    given = results()
    given["buckets"] = {"outside": 4, ALL: 4}
    assert "all holes" in texts(curves(given)[0].light)


def test_gaps_are_left_and_a_filler_without_values_has_no_name_at_the_lines():
    given = results()
    given["buckets"] = {"10-20": 2, "20-30": 1, "40-50": 2, ALL: 5}
    for filler in given["fillers"]:
        given["values"][filler]["20-30"] = {"psnr_hole": Value(value=None, low=None, high=None)}
    for bucket in given["buckets"]:
        given["values"]["telea"][bucket].pop("psnr_hole")
    drawn = curves(given)[0].light
    assert "telea" not in texts(drawn)
    assert "mean" in texts(drawn)
    assert "nan" not in drawn


def test_ids_are_unique_on_a_page_and_references_meet_them():
    given = results()
    given["metrics"]["lpips"] = MetricInfo(better="lower", unit="", about="")
    every = [svg for curve in curves(given) for svg in (curve.light, curve.dark)]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in every]
    assert len(every) == 6
    assert all(not a & b for a, b in combinations(ids, 2))
    for svg, own in zip(every, ids, strict=True):
        referred = set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg))
        assert referred
        assert referred <= own


def test_a_theme_has_its_own_colors_and_no_background():
    [psnr, _] = curves(results())
    for place in range(3):
        assert color(place, "light") in psnr.light
        assert color(place, "light") not in psnr.dark
        assert color(place, "dark") in psnr.dark
    assert "#ffffff" not in psnr.light + psnr.dark
    assert color(len(COLORS["light"]), "light") == color(0, "light")
    assert len(set(COLORS["light"])) == len(COLORS["dark"]) == len(MARKERS)


def test_equal_results_give_equal_bytes_without_a_date_and_matplotlib_is_left_as_it_was():
    before = dict(matplotlib.rcParams)
    first, again = curves(results()), curves(results())
    assert first == again
    assert dict(matplotlib.rcParams) == before
    assert not re.search(r"20\d\d-\d\d-\d\d|metadata", "".join(first[0]))


def test_nothing_is_asked_for_outside_and_names_are_escaped():
    given = results()
    name = "<b>&$x$"
    given["fillers"] = {name: "1"}
    given["values"][name] = given["values"]["mean"]
    drawn = curves(given)[0]
    assert isinstance(drawn, Curve)
    assert name in texts(drawn.light)
    assert set(re.findall(r"https?://[^\"' ]+", drawn.light + drawn.dark)) == {"http://www.w3.org/2000/svg"}
