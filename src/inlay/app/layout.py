"""Components of the page, where they lie, and what they are sent.

Gradio has none to paint a hole and to compare results in: those two are ours. How they talk with the program stands
above their scripts, ``painter.js`` and ``compare.js``.
"""

import html
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from inlay.app.filling import LONGEST_TEXT, MODEL_NAMES, PageResults
from inlay.app.limits import Limits
from inlay.app.pictures import Loaded
from inlay.app.views import View
from inlay.images import SUFFIXES
from inlay.pipeline import Strategy
from inlay.printing import printable

TITLE = "Inlay"
STRATEGIES: dict[Strategy, str] = {
    "auto": "Choose for me",
    "whole": "The whole picture at once",
    "crop": "Only what is around each hole, at full sharpness",
    "tile": "Square by square: long scratches, large holes",
    "resize": "A small copy first, then the edges at full sharpness",
}
"""Strategies in words of those who edit photographs."""
CSS = """
.gradio-container { max-width: 1320px !important; }
.gradio-container .inlay-said p { margin: 0 0 4px; font-size: var(--text-sm); }
#inlay-head h1 { margin: 0; }
#inlay-head p { margin: 4px 0 0; }
#inlay-painter .error, #inlay-painter .clear-status { display: none; } /* the message says it, and then leaves */
#inlay-samples, #inlay-samples .grid-wrap { min-height: 0; height: auto; }
"""

KEPT = 3600  # seconds for which is kept what belongs to a page that was left open, and a file that was handed in


class Parts:
    """The components that have events, or change, put into the page that is being built. The first model is chosen."""

    def __init__(self, models: Sequence[str], limits: Limits) -> None:
        gr.HTML(
            f"<h1>{TITLE}</h1><p>Paint over what is to go, and fill the hole from what is around it. Pictures stay on "
            "this machine, and what is not painted stays as it is.</p>",
            elem_id="inlay-head",
        )
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                self._add_picture(limits)
            with gr.Column(scale=2, min_width=300):
                self._add_request(models, limits)
        self.loaded = gr.State(time_to_live=KEPT, delete_callback=lambda loaded: loaded and loaded.view.forget())
        self.results = gr.State(time_to_live=KEPT, delete_callback=lambda results: results and results.forget())

    def _add_picture(self, limits: Limits) -> None:
        with gr.Tabs(elem_id="inlay-tabs") as self.tabs:
            with gr.Tab("Picture", id="picture"):
                label = f"Picture, up to {limits.pixels / 1e6:g} megapixels"
                self.picture = upload(label=label, height=150, elem_id="inlay-picture")
                self.painter = _piece("painter", "hole", picture=None, given=None, back=False, forward=False)
                with gr.Accordion("Mask file", open=False, visible=False) as self.mask_part:
                    self.mask_polarity = gr.Radio(
                        ["white", "black"], value="white", label="Color of the hole in the file"
                    )
                    self.mask = upload(label="Mask: drop or choose one", height=110, elem_id="inlay-mask")
                    self.keep_mask = gr.Button("Download the hole as a mask (PNG, white is the hole)", size="sm")
            with gr.Tab("Result", id="result", interactive=False) as self.result_tab:
                self.compare = _piece("compare", results=None, kept=0)
                self.caption = gr.HTML(elem_classes="inlay-said")
                self.gallery = gr.Gallery(
                    label="Variations: choose one", visible=False, columns=4, allow_preview=False, format="png",
                    buttons=[], elem_id="inlay-samples",
                )  # fmt: skip
                self.go_on = gr.Button("Go on from this result", variant="primary", elem_id="inlay-go-on")
                with gr.Row():
                    self.keep = gr.Button("Download", elem_id="inlay-keep", min_width=140)
                    self.keep_exact = gr.Button("Download PNG", visible=False, min_width=140)
                    self.keep_result_mask = gr.Button("Download mask", elem_id="inlay-keep-mask", min_width=140)
                self.file = gr.DownloadButton(visible="hidden", elem_id="inlay-file")

    def _add_request(self, models: Sequence[str], limits: Limits) -> None:
        choices = [(MODEL_NAMES.get(model, model), model) for model in models]
        self.model = gr.Dropdown(choices, value=models[0], label="Model", filterable=False)
        self.beside = gr.Dropdown(
            [("No other", ""), *choices], value="", label="Compare with", filterable=False, visible=len(models) > 1,
            info="Both fill the same hole, and you choose",
        )  # fmt: skip
        self.text = gr.Textbox(
            "", label="Text", info="What the hole shall show", max_length=LONGEST_TEXT, visible=False
        )
        self.text_warnings = gr.HTML(visible=False, elem_classes="inlay-said")
        with gr.Row(visible=False) as self.draws:
            self.count = gr.Slider(1, limits.samples, value=1, step=1, label="Variations", min_width=130)
            self.seed = gr.Textbox(
                "", label="Seed", info="The same number draws the same again; empty: the model's one answer",
                max_length=10, min_width=130,
            )  # fmt: skip
        self.status = gr.HTML(says(["No picture yet."]), elem_classes="inlay-said")
        self.fill = gr.Button("Fill", variant="primary", interactive=False, elem_id="inlay-fill")
        with gr.Accordion("Edges and sharpness", open=False):
            self.dilate = gr.Slider(
                0, 64, value=0, step=1, label="Grow the hole", info="Pixels; when a shadow or a halo is left"
            )
            self.feather = gr.Slider(
                0, 64, value=0, step=1, label="Soft edge",
                info="Pixels around the hole over which the filling fades out; those change, too",
            )  # fmt: skip
            self.blend = gr.Checkbox(
                False, label="Match colors", info="Takes brightness and color from around the hole"
            )
            self.strategy = gr.Dropdown(
                [(words, name) for name, words in STRATEGIES.items()], value="auto", label="What the model looks at",
                filterable=False,
            )  # fmt: skip


def upload(**options: Any) -> gr.File:
    """A file from the visitor's machine. Gradio would also take an address, and fetch what is there."""
    file = gr.File(file_types=list(SUFFIXES), **options)
    keep = file.async_move_resource_to_block_cache

    async def keep_upload(url_or_file_path: str | Path | None) -> str | None:
        if "://" in str(url_or_file_path):
            raise gr.Error("Give a file, not an address.", print_exception=False)
        return await keep(url_or_file_path)

    file.async_move_resource_to_block_cache = keep_upload  # type: ignore[method-assign]  # a subclass writes into src/
    return file


def theme() -> gr.themes.Base:
    """Fonts of the visitor's own machine: no other would come without asking another host."""
    system = gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    return system.set(block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300")


def says(lines: Sequence[str]) -> str:
    """Lines as HTML; a screen reader reads them out."""
    return f'<div role="status">{"".join(f"<p>{neutral(line)}</p>" for line in lines)}</div>'


def neutral(text: object) -> str:
    """Escape a text for the page."""
    return html.escape(printable(text))


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
