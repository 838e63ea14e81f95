"""The parts of the page that Gradio has no component for: where the hole is painted, and where results are compared.

How they talk with the program stands above their scripts, ``painter.js`` and ``compare.js``.
"""

import time
from importlib.resources import files
from typing import Any

import gradio as gr

from inlay.app.filling import PageResults
from inlay.app.pictures import Loaded
from inlay.app.views import View


def painter() -> gr.HTML:
    """An empty painter; its value is what :func:`inlay.app.masks.decode_runs` decodes.

    It has the event ``input``, and ``back`` and ``forward`` where undo and redo go beyond what was painted.
    """
    return _piece("painter", "hole", picture=None, given=None, back=False, forward=False)


def compare() -> gr.HTML:
    """An empty comparer; its value is the number of the chosen result, its event ``input``."""
    return _piece("compare", results=None, kept=0)


def with_picture(loaded: Loaded) -> dict[str, Any]:
    """The painter's update that shows a picture with nothing painted."""
    return gr.update(picture=_sized(loaded.view), given=None, back=bool(loaded.done), forward=bool(loaded.undone))


def given(runs: str) -> dict[str, Any]:
    """A hole that the painter shows; the turn makes a hole that is given once more another value."""
    return {"runs": runs, "turn": time.monotonic_ns()}


def with_results(before: View, results: PageResults | None) -> dict[str, Any]:
    """The comparer's update that shows results; None shows none."""
    if results is None:
        return gr.update(results=None)
    samples = {number: results.samples[number] for number in results.shown}
    panes = [{"number": number, "title": each.title, **each.view.sent()} for number, each in samples.items()]
    sent = _sized(before)
    return gr.update(results={"size": sent["size"], "before": sent, "panes": panes}, kept=results.kept)


def _sized(view: View) -> dict[str, Any]:
    height, width = view.size
    return {**view.sent(), "size": [width, height]}


def _piece(name: str, *scripts: str, **values: Any) -> gr.HTML:
    def read(file: str) -> str:
        return (files("inlay.app") / file).read_text(encoding="utf-8")

    return gr.HTML(
        "",
        html_template=read(f"{name}.html").replace("@zoom@", read("view.html")),
        css_template=read("view.css") + read(f"{name}.css"),
        js_on_load="\n".join(read(f"{each}.js") for each in ("view", *scripts, name)),
        apply_default_css=False,
        elem_id=f"inlay-{name}",
        **values,
    )
