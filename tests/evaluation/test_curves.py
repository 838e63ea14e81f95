import base64
import re
from xml.etree import ElementTree

import matplotlib
import pytest

from inlay.buckets import ALL
from inlay.evaluation.curves import COLORS, DRAWN, MARKERS, curves
from inlay.evaluation.results import Value
from tests.evaluation.examples import MODEL, results

SVG = "{http://www.w3.org/2000/svg}"


def drawn(given, theme="light"):
    address = getattr(curves(given)[0], theme)
    assert address.startswith("data:image/svg+xml;base64,")
    return base64.b64decode(address.partition(",")[2]).decode()


def texts(svg):
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def lines(svg, color):
    """The points of lines of a color, those of the legend left out, in the drawing's coordinates (y downward)."""
    paths = [path for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if "clip-path" in path.attrib]
    shown = [path for path in paths if f"stroke: {color}" in path.get("style") and "fill: none" in path.get("style")]
    points = [re.findall(r"[ML] (\S+) (\S+)", path.get("d", "")) for path in shown]
    return [[tuple(map(float, point)) for point in line] for line in points]


def test_what_was_measured_is_drawn_in_order_and_can_be_read():
    psnr, l1 = curves(results())
    assert (psnr.metric, l1.metric) == ("psnr_hole", "l1_hole")
    assert "tv" not in DRAWN
    assert psnr.alt == f"psnr_hole of mean, telea, {MODEL} for holes of 10-20 %, 40-50 %"
    words = texts(drawn(results(), "dark"))
    assert {"psnr_hole, dB ↑", "mean", "telea", "10\N{EN DASH}20", "hole, % of the picture"} <= set(words)
    assert "model:runs/u_\N{HORIZONTAL ELLIPSIS}50%/best.ckpt"[-10:] in "".join(words)


def test_a_line_goes_through_the_values_within_its_band():
    svg = drawn(results())
    [[(x0, y0), (x1, y1)]] = lines(svg, COLORS["light"][0])  # mean: 18.004, 15.5
    [[(_, y2), (_, y3)]] = lines(svg, COLORS["light"][2])  # model: 24.051, 19.996
    assert x1 > x0
    assert (y1 - y0) / (y3 - y2) == pytest.approx((18.004 - 15.5) / (24.051 - 19.996), rel=1e-4)
    assert (y0 - y2) / (y1 - y0) == pytest.approx((24.051 - 18.004) / (18.004 - 15.5), rel=1e-4)
    groups = ElementTree.fromstring(svg).iter(f"{SVG}g")
    band = next(g for g in groups if re.match("FillBetween|PolyCollection", g.get("id", ""))).find(f".//{SVG}path")
    heights = [float(y) for _, y in re.findall(r"[ML] (\S+) (\S+)", band.get("d"))]
    scale = (y1 - y0) / (18.004 - 15.5)  # of the drawing, a decibel; the band is 0.9 to 1.1 times the value
    assert max(heights) - min(heights) == pytest.approx(scale * (1.1 * 18.004 - 0.9 * 15.5), rel=1e-4)


def test_with_one_bucket_fillers_are_points_with_bars(given):
    given["buckets"] = {"10-20": 2, ALL: 2}
    svg = drawn(given)
    assert "holes of 10-20 %" in texts(svg)
    bar, other = (max(lines(svg, color), key=len) for color in COLORS["light"][:2])
    (low, y), (high, same) = bar
    assert y == same < other[0][1]
    assert (other[0][0] - low) / (high - low) == pytest.approx((0.9 * 24.126 - 0.9 * 18.004) / (0.2 * 18.004), rel=1e-4)
    given["buckets"] = {"outside": 4, ALL: 4}
    assert "all holes" in texts(drawn(given))


def test_gaps(given):
    given["buckets"] = {"10-20": 2, "20-30": 1, "40-50": 2, ALL: 5}
    for filler in given["fillers"]:
        given["values"][filler]["20-30"] = {"psnr_hole": Value(value=None, low=None, high=None)}
    for bucket in given["buckets"]:
        given["values"]["telea"][bucket].pop("psnr_hole")
    svg = drawn(given)
    assert "nan" not in svg
    assert not any(lines(svg, COLORS["light"][1]))


def test_equal_results_give_equal_bytes_a_theme_its_own_colors_and_matplotlib_is_left_as_it_was():
    before = dict(matplotlib.rcParams)
    assert curves(results()) == curves(results())
    assert dict(matplotlib.rcParams) == before
    light, dark = (drawn(results(), theme) for theme in ("light", "dark"))
    assert not re.search(r"20\d\d-\d\d-\d\d", light)
    for ours, others in zip(COLORS["light"][:3], COLORS["dark"][:3], strict=True):
        assert (ours in light, ours in dark, others in dark) == (True, False, True)
    assert "#ffffff" not in light + dark
    assert len(set(COLORS["light"])) == len(COLORS["dark"]) == len(MARKERS)


@pytest.mark.parametrize("name", ["<b>&$x$", "_private"])
def test_names_are_texts(name, given):
    given["fillers"] = {name: "1"}
    given["values"][name] = given["values"]["mean"]
    assert name in [text.strip() for text in texts(drawn(given))]
