"""Charts of metrics against the size of the hole, by matplotlib."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
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
_PERCENT = re.compile(r"\d+-\d+")
_LONGEST = 28  # characters of a name in a chart
_NO_VALUE = Value(value=None, low=None, high=None)
_KEYS: tuple[Literal["low", "value", "high"], ...] = ("low", "value", "high")


class MetricCurve(NamedTuple):
    """The chart of a metric: SVG as ``data:`` addresses, for pages of both themes."""

    metric: str
    alt: str
    """The chart in words."""
    light: str
    dark: str


def curves(results: Results) -> list[MetricCurve]:
    """Draw every metric of :data:`DRAWN` that was measured, each filler a line with its 95 % confidence band.

    With a single bucket there is nothing to connect: fillers are drawn below each other as points with bars.

    Args:
        results: of an evaluation. Equal ones give equal bytes.
    """
    buckets = [name for name in results["buckets"] if _PERCENT.fullmatch(name)] or [ALL]
    where = f"of {', '.join(results['fillers'])} for holes of {', '.join(map(head, buckets))}"
    return [
        MetricCurve(
            metric, printable(f"{metric} {where}"), *(_draw(results, metric, buckets, theme) for theme in COLORS)
        )
        for metric in DRAWN
        if metric in results["metrics"]
    ]


def _draw(results: Results, metric: str, buckets: Sequence[str], theme: Theme) -> str:
    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK[theme])
    settings: Any = {
        "svg.fonttype": "none",  # text stays text, in the letters of the reader's system
        "svg.hashsalt": metric,  # instead of random ids
        "text.parse_math": False,  # a name with dollar signs is a name
        "font.size": 9,
        **ink,
    }
    with rc_context(settings):
        figure = Figure(figsize=(4.6, 3.3), layout="constrained")
        axes = figure.subplots()
        for number, filler in enumerate(results["fillers"]):
            values = [results["values"][filler].get(bucket, {}).get(metric, _NO_VALUE) for bucket in buckets]
            style: Any = {
                "color": COLORS[theme][number % len(COLORS[theme])],
                "marker": MARKERS[number % len(MARKERS)],
                "markersize": 5,
                "label": _short(printable(filler)),
            }
            if len(buckets) > 1:
                _add_line(axes, values, style)
            else:
                _add_point(axes, number, values[0], style)
        if len(buckets) > 1:
            axes.set_xticks(range(len(buckets)), [name.replace("-", "\N{EN DASH}") for name in buckets])
            axes.set_xlabel("hole, % of the picture")
        else:
            axes.set_yticks([])
            axes.invert_yaxis()
            axes.set_xlabel("all holes" if buckets == [ALL] else f"holes of {head(buckets[0])}")
        info = results["metrics"][metric]
        title = f"{metric}{', ' * bool(info['unit'])}{info['unit']} {ARROWS[info['better']]}".rstrip()
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.grid(alpha=0.2, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"


def _add_line(axes: Axes, values: Sequence[Value], style: Mapping[str, Any]) -> None:
    places = range(len(values))
    low, middle, high = np.array([[value[key] for value in values] for key in _KEYS], float)  # None is NaN: a gap
    axes.fill_between(places, low, high, color=style["color"], alpha=0.18, linewidth=0)
    axes.plot(places, middle, linewidth=1.6, **style)


def _add_point(axes: Axes, row: int, value: Value, style: Mapping[str, Any]) -> None:
    low, middle, high = np.array([value[key] for key in _KEYS], float)
    axes.plot([low, high], [row, row], color=style["color"], linewidth=1.6)
    axes.plot([middle], [row], linestyle="none", **style)


def _short(name: str) -> str:
    """A name that leaves room for the lines; matplotlib leaves those with a leading underscore out of legends."""
    half = _LONGEST // 2
    short = name if len(name) <= _LONGEST else f"{name[: half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
    return f" {short}" if short.startswith("_") else short
