"""The plot of a sweep."""

import math
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay.cli.trials import Trial, varied
from inlay.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3
_WIDTH, _HEIGHT = 4.2, 3.4  # of a panel, in inches
_DECADE = 10.0
_POINTS, _BEST, _FAILED = "tab:blue", "tab:orange", "tab:red"


def draw(trials: Sequence[Trial], monitor: str, path: Path, higher_is_better: bool = True) -> None:
    """Draw a sweep to a PNG: the value trial by trial with the best so far, and against each setting that varied.

    Args:
        trials: in the order they started; one without a value is marked at the lower edge.
        monitor: the metric whose values they are.
        path: of the PNG.
        higher_is_better: whether the largest value is the best.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    keys = varied(trials)
    panels = len(keys) + 1
    columns = 2 if panels == 4 else min(panels, _COLUMNS)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    best = max if higher_is_better else min
    _draw_progress(axes[0], trials, best)
    for panel, key in zip(axes[1:], keys, strict=False):
        _draw_setting(panel, trials, key, best)
    for panel in axes[:panels]:
        panel.set_ylabel(monitor)
        panel.grid(alpha=0.3)
        panel.set_axisbelow(True)
    for panel in axes[panels:]:
        panel.remove()
    axes[0].legend(fontsize="small")
    png = BytesIO()
    figure.savefig(png, format="png", dpi=120)
    write_bytes(path, png.getvalue())


def _draw_progress(panel: "Axes", trials: Sequence[Trial], best: Callable[..., Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    _scatter(panel, trials, list(range(len(trials))), best)
    values = [trial.value for trial in trials]
    known = ([value for value in values[: number + 1] if value is not None] for number in range(len(values)))
    panel.step(
        range(len(values)), [best(so_far, default=math.nan) for so_far in known],
        where="post", color=_BEST, label="best so far",
    )  # fmt: skip
    panel.set_xlabel("trial, in the order they started")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_setting(panel: "Axes", trials: Sequence[Trial], key: str, best: Callable[..., Any]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    panel.set_xlabel(key)
    given = [trial.settings.get(key, "not set") for trial in trials]
    try:
        numbers = [float(value) for value in given]
    except ValueError:
        choices = sorted(set(given))
        _scatter(panel, trials, [choices.index(choice) for choice in given], best)
        panel.set_xticks(range(len(choices)), choices)
        panel.set_xlim(-0.5, len(choices) - 0.5)
        return
    if min(numbers) > 0 and max(numbers) / min(numbers) >= _DECADE:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=5))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_locator(NullLocator())  # labels of minor ticks would run into each other
    _scatter(panel, trials, numbers, best)


def _scatter(panel: "Axes", trials: Sequence[Trial], x: Sequence[float], best: Callable[..., Any]) -> None:
    """Points; the best one marked, those without a value at the lower edge."""
    known = [(place, trial.value) for place, trial in zip(x, trials, strict=True) if trial.value is not None]
    missing = [place for place, trial in zip(x, trials, strict=True) if trial.value is None]
    if known:
        panel.scatter(*zip(*known, strict=True), color=_POINTS, label="value")
        place, value = best(known, key=lambda point: point[1])
        panel.scatter(place, value, s=160, facecolors="none", edgecolors=_BEST, linewidths=2, label="best")
    if missing:
        edge = panel.get_xaxis_transform()  # y from 0, below, to 1
        panel.scatter(missing, [0.03] * len(missing), marker="x", color=_FAILED, transform=edge, label="no value")
