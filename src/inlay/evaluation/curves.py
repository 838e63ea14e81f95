"""How metrics change with the size of the hole, drawn as SVG for a page."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inlay.buckets import ALL
from inlay.evaluation.results import Results, Value
from inlay.evaluation.tables import ARROWS, head
from inlay.printing import printable

Theme = Literal["light", "dark"]

DRAWN = ("psnr_hole", "ssim_hole", "l1_hole", "ms_ssim", "boundary_error", "lpips")
"""The metrics that are drawn, where they were measured."""
COLORS: Mapping[Theme, tuple[str, ...]] = {
    "light": ("#0072b2", "#d55e00", "#008a63", "#b0558a", "#b27700", "#3f93c4", "#555555"),
    "dark": ("#4aa8e0", "#f0803c", "#2fbf92", "#e08fbb", "#e6b032", "#8fcdf0", "#b5b5b5"),
}
"""Of the fillers, in order. After Okabe and Ito (2008): told apart with every kind of color vision; no yellow, which
vanishes on white, and lighter ones on black."""
MARKERS = "osD^vPX"
"""Beside the colors, for those who print in gray."""

_INK: Mapping[Theme, str] = {"light": "#444444", "dark": "#bbbbbb"}
_SIZE = (4.6, 3.1)  # inches
_LETTERS = 9  # points
_LINE = 0.075  # height of a name, as a share of the panel's
_LONGEST = 18  # characters of a name beside its line
_SHARES = re.compile(r"\d+-\d+")
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LETTERING = "system-ui, sans-serif"
_HREF = f"{{{_XLINK}}}href"


class Curve(NamedTuple):
    """A metric against the hole ratio, as ``<svg>`` elements that share a page without sharing ids."""

    metric: str
    light: str
    dark: str


class _Line(NamedTuple):
    """A filler's values; NaN where there is none."""

    filler: str
    value: list[float]
    low: list[float]
    high: list[float]


def curves(results: Results) -> list[Curve]:
    """Draw every metric of :data:`DRAWN` that was measured, each filler a line with its 95 % confidence band.

    With a single bucket there is nothing to connect, so fillers are drawn below each other as points with bars.

    Args:
        results: of an evaluation. Equal ones give equal bytes.
    """
    metrics = [metric for metric in DRAWN if metric in results["metrics"]]
    return [Curve(metric, _drawn(results, metric, "light"), _drawn(results, metric, "dark")) for metric in metrics]


def color(place: int, theme: Theme) -> str:
    """What the filler at a place of the results is drawn with."""
    return COLORS[theme][place % len(COLORS[theme])]


def _drawn(results: Results, metric: str, theme: Theme) -> str:
    buckets = [name for name in results["buckets"] if _SHARES.fullmatch(name)] or [ALL]
    lines = [_line(results, filler, metric, buckets) for filler in results["fillers"]]
    settings: Any = {
        "svg.fonttype": "none",  # text stays text: it can be searched, and read aloud
        "svg.hashsalt": metric,
        "text.parse_math": False,  # a name with dollar signs is a name
        "font.family": "sans-serif",
        "font.size": _LETTERS,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK[theme]),
    }
    with rc_context(settings):
        figure = Figure(figsize=_SIZE, layout="constrained")
        panel = figure.subplots()
        if len(buckets) > 1:
            _connect(panel, lines, buckets, theme)
        else:
            _put_below_each_other(panel, lines, buckets[0], theme)
        _dress(panel, results, metric)
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    what = f"{metric} of {', '.join(results['fillers'])} for holes of {', '.join(map(head, buckets))}"
    return _for_a_page(file.getvalue(), f"{metric}-{theme}-", printable(what))


def _line(results: Results, filler: str, metric: str, buckets: Sequence[str]) -> _Line:
    nothing = Value(value=None, low=None, high=None)
    values = [results["values"][filler].get(bucket, {}).get(metric, nothing) for bucket in buckets]
    return _Line(
        printable(filler),
        [_number(value["value"]) for value in values],
        [_number(value["low"]) for value in values],
        [_number(value["high"]) for value in values],
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _connect(panel: Axes, lines: Sequence[_Line], buckets: Sequence[str], theme: Theme) -> None:
    places = range(len(buckets))
    for number, line in enumerate(lines):
        paint = color(number, theme)
        panel.fill_between(places, line.low, line.high, color=paint, alpha=0.18, linewidth=0)
        panel.plot(places, line.value, color=paint, marker=_marker(number), markersize=4.5, linewidth=1.6)
    panel.set_xticks(places, [name.replace("-", "\N{EN DASH}") for name in buckets])
    panel.set_xlabel("hole, % of the picture")
    panel.margins(x=0.04)
    _name(panel, lines, theme)


def _name(panel: Axes, lines: Sequence[_Line], theme: Theme) -> None:
    """Write each filler's name where its line ends, moved apart where ends meet."""
    bottom, top = panel.get_ylim()
    ends = {number: _last(line.value) for number, line in enumerate(lines)}
    shares = {number: (end - bottom) / (top - bottom) for number, end in ends.items() if not math.isnan(end)}
    for number, share in zip(shares, _apart(list(shares.values())), strict=True):
        panel.text(
            1.02,
            share,
            _short(lines[number].filler),
            color=color(number, theme),
            transform=panel.transAxes,
            verticalalignment="center",
        )


def _last(values: Sequence[float]) -> float:
    return next((value for value in reversed(values) if not math.isnan(value)), math.nan)


def _apart(places: Sequence[float], least: float = _LINE) -> list[float]:
    """Move places up or down until neighbors are ``least`` apart; each group stays centered on what it was."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    groups: list[list[int]] = []
    for place in order:
        groups.append([place])
        while len(groups) > 1 and _start(places, groups[-1], least) < _end(places, groups[-2], least) + least:
            last = groups.pop()
            groups[-1] += last
    moved = [0.0] * len(places)
    for group in groups:
        for rank, place in enumerate(group):
            moved[place] = _start(places, group, least) + rank * least
    return moved


def _start(places: Sequence[float], group: Sequence[int], least: float) -> float:
    return sum(places[i] for i in group) / len(group) - (len(group) - 1) * least / 2


def _end(places: Sequence[float], group: Sequence[int], least: float) -> float:
    return _start(places, group, least) + (len(group) - 1) * least


def _put_below_each_other(panel: Axes, lines: Sequence[_Line], bucket: str, theme: Theme) -> None:
    for number, line in enumerate(lines):
        [value], [low], [high] = line.value, line.low, line.high
        paint = color(number, theme)
        panel.plot([low, high], [number, number], color=paint, linewidth=1.6)
        panel.plot([value], [number], color=paint, marker=_marker(number), markersize=6, linestyle="none")
    panel.set_yticks(range(len(lines)), [_short(line.filler) for line in lines])
    for number, label in enumerate(panel.get_yticklabels()):
        label.set_color(color(number, theme))
    panel.set_ylim(len(lines) - 0.5, -0.5)
    panel.locator_params(axis="x", nbins=6)
    panel.set_xlabel("all holes" if bucket == ALL else f"holes of {head(bucket)}")


def _marker(number: int) -> str:
    return MARKERS[number % len(MARKERS)]


def _short(name: str) -> str:
    """A name that leaves room for the lines: the middle is left out."""
    half = _LONGEST // 2
    return name if len(name) <= _LONGEST else f"{name[: half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"


def _dress(panel: Axes, results: Results, metric: str) -> None:
    what = results["metrics"][metric]
    unit = f", {what['unit']}" if what["unit"] else ""
    panel.set_title(f"{metric}{unit} {ARROWS[what['better']]}".rstrip(), loc="left", fontsize=10, fontweight="bold")
    panel.grid(color=panel.title.get_color(), alpha=0.15, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _for_a_page(svg: bytes, prefix: str, what: str) -> str:
    """Matplotlib's SVG as an element of a page: named, sized by the page, ids of its own, the page's letters."""
    root = ElementTree.fromstring(svg)
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for size in ("width", "height"):
        del root.attrib[size]
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", prefix + element.attrib["id"])
        if element.get(_HREF, "").startswith("#"):
            element.set("href", f"#{prefix}{element.attrib.pop(_HREF)[1:]}")
        for name, value in element.attrib.items():
            element.set(name, re.sub(r"url\(#", f"url(#{prefix}", value))
        if "style" in element.attrib:
            element.set("style", re.sub(r"'[^;]*sans-serif", _LETTERING, element.attrib["style"]))
    root.set("role", "img")
    root.set("aria-label", what)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")
