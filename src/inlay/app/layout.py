"""Components of the page, and where they lie."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from inlay.app.filling import LONGEST_TEXT, MODEL_NAMES
from inlay.app.limits import Limits
from inlay.app.pieces import compare, painter
from inlay.images import SUFFIXES
from inlay.pipeline import Strategy
from inlay.pipeline.composers import WIDEST
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

_KEPT = 3600  # seconds for which is kept what belongs to a page that was left open


@dataclass(frozen=True)
class Parts:
    """The components that have events, or change."""

    loaded: gr.State
    results: gr.State
    picture: gr.File
    painter: gr.HTML
    mask_part: gr.Accordion
    mask: gr.File
    mask_polarity: gr.Radio
    keep_mask: gr.Button
    status: gr.HTML
    tabs: gr.Tabs
    result_tab: gr.Tab
    compare: gr.HTML
    gallery: gr.Gallery
    caption: gr.HTML
    go_on: gr.Button
    keep: gr.Button
    keep_exact: gr.Button
    keep_result_mask: gr.Button
    file: gr.DownloadButton
    model: gr.Dropdown
    beside: gr.Dropdown
    text: gr.Textbox
    text_warnings: gr.HTML
    draws: gr.Row
    count: gr.Slider
    seed: gr.Textbox
    dilate: gr.Slider
    feather: gr.Slider
    blend: gr.Checkbox
    strategy: gr.Dropdown
    fill: gr.Button


def upload(**options: Any) -> gr.File:
    """A file from the visitor's machine. Gradio would also take an address, and fetch what is there."""
    file = gr.File(**options)
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


def build_layout(models: Sequence[str], limits: Limits) -> Parts:
    """Put the components into the page that is being built.

    Args:
        models: their names, the first is chosen.
        limits: shown where they matter.
    """
    gr.HTML(
        f"<h1>{TITLE}</h1><p>Paint over what is to go, and fill the hole from what is around it. Pictures stay on this "
        "machine, and what is not painted stays as it is.</p>",
        elem_id="inlay-head",
    )
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            seen = _picture_side(limits)
        with gr.Column(scale=2, min_width=300):
            asked = _asking_side(models, limits)
    return Parts(
        loaded=gr.State(time_to_live=_KEPT, delete_callback=lambda loaded: loaded and loaded.view.forget()),
        results=gr.State(time_to_live=_KEPT, delete_callback=lambda results: results and results.forget()),
        **seen,
        **asked,
    )


def says(lines: Sequence[str]) -> str:
    """Lines as HTML; a screen reader reads them out."""
    return f'<div role="status">{"".join(f"<p>{neutral(line)}</p>" for line in lines)}</div>'


def neutral(text: object) -> str:
    """Escape a text for the page."""
    return html.escape(printable(text))


def _picture_side(limits: Limits) -> dict[str, Any]:
    with gr.Tabs(elem_id="inlay-tabs") as tabs:
        with gr.Tab("Picture", id="picture"):
            picture = upload(
                label=f"Picture, up to {limits.pixels / 1e6:g} megapixels",
                file_types=list(SUFFIXES),
                height=150,
                elem_id="inlay-picture",
            )
            paint = painter()
            with gr.Accordion("Mask file", open=False, visible=False) as mask_part:
                mask_polarity = gr.Radio(["white", "black"], value="white", label="Color of the hole in the file")
                mask = upload(
                    label="Mask: drop or choose one", file_types=list(SUFFIXES), height=110, elem_id="inlay-mask"
                )
                keep_mask = gr.Button("Download the hole as a mask (PNG, white is the hole)", size="sm")
        with gr.Tab("Result", id="result", interactive=False) as result_tab:
            seen = compare()
            caption = gr.HTML(elem_classes="inlay-said")
            gallery = gr.Gallery(
                label="Variations: choose one", visible=False, columns=4, allow_preview=False, format="png", buttons=[],
                elem_id="inlay-samples",
            )  # fmt: skip
            go_on = gr.Button("Go on from this result", variant="primary", elem_id="inlay-go-on")
            with gr.Row():
                keep = gr.Button("Download", elem_id="inlay-keep", min_width=140)
                keep_exact = gr.Button("Download PNG", visible=False, min_width=140)
                keep_result_mask = gr.Button("Download mask", elem_id="inlay-keep-mask", min_width=140)
            file = gr.DownloadButton(visible="hidden", elem_id="inlay-file")
    return {
        "tabs": tabs, "picture": picture, "painter": paint, "mask_part": mask_part,
        "mask_polarity": mask_polarity, "mask": mask, "keep_mask": keep_mask, "result_tab": result_tab, "compare": seen,
        "caption": caption, "gallery": gallery, "go_on": go_on, "keep": keep, "keep_exact": keep_exact,
        "keep_result_mask": keep_result_mask, "file": file,
    }  # fmt: skip


def _asking_side(models: Sequence[str], limits: Limits) -> dict[str, Any]:
    choices = [(MODEL_NAMES.get(model, model), model) for model in models]
    model = gr.Dropdown(choices, value=models[0], label="Model", filterable=False)
    beside = gr.Dropdown(
        [("No other", ""), *choices], value="", label="Compare with", filterable=False, visible=len(models) > 1,
        info="Both fill the same hole, and you choose",
    )  # fmt: skip
    text = gr.Textbox("", label="Text", info="What the hole shall show", max_length=LONGEST_TEXT, visible=False)
    text_warnings = gr.HTML(visible=False, elem_classes="inlay-said")
    with gr.Row(visible=False) as draws:
        count = gr.Slider(1, limits.samples, value=1, step=1, label="Variations", min_width=130)
        seed = gr.Textbox(
            "", label="Seed", info="The same number draws the same again; empty: the model's one answer", max_length=10,
            min_width=130,
        )  # fmt: skip
    status = gr.HTML(says(["No picture yet."]), elem_classes="inlay-said")
    button = gr.Button("Fill", variant="primary", interactive=False, elem_id="inlay-fill")
    with gr.Accordion("Edges and sharpness", open=False):
        dilate = gr.Slider(
            0, min(64, WIDEST), value=0, step=1, label="Grow the hole", info="Pixels; when a shadow or a halo is left"
        )
        feather = gr.Slider(
            0, min(64, WIDEST), value=0, step=1, label="Soft edge",
            info="Pixels around the hole over which the filling fades out; those change, too",
        )  # fmt: skip
        blend = gr.Checkbox(False, label="Match colors", info="Takes brightness and color from around the hole")
        strategy = gr.Dropdown(
            [(words, name) for name, words in STRATEGIES.items()], value="auto", label="What the model looks at",
            filterable=False,
        )  # fmt: skip
    return {
        "model": model, "beside": beside, "text": text, "text_warnings": text_warnings, "draws": draws,
        "count": count, "seed": seed,
        "dilate": dilate, "feather": feather, "blend": blend, "strategy": strategy, "status": status, "fill": button,
    }  # fmt: skip
