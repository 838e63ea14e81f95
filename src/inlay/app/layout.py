"""What the page shows."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from inlay.app.filling import LONGEST_TEXT
from inlay.app.limits import Limits
from inlay.app.painter import painter
from inlay.composing import BLENDS, STRATEGIES
from inlay.composing.how import WIDEST
from inlay.images import SUFFIXES
from inlay.printing import printable

TITLE = "Inlay"
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
    """The components that something happens to."""

    loaded: gr.State
    samples: gr.State
    picture: gr.File
    painter: gr.HTML
    mask_part: gr.Accordion
    mask: gr.File
    hole_is: gr.Radio
    status: gr.HTML
    tabs: gr.Tabs
    result_tab: gr.Tab
    compare: gr.ImageSlider
    gallery: gr.Gallery
    caption: gr.HTML
    download: gr.DownloadButton
    model: gr.Dropdown
    text: gr.Textbox
    doubts: gr.HTML
    draws: gr.Row
    count: gr.Slider
    seed: gr.Textbox
    strategy: gr.Dropdown
    blend: gr.Dropdown
    feather: gr.Slider
    dilate: gr.Slider
    fill: gr.Button


def handed_in(**options: Any) -> gr.File:
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


def lay_out(models: Sequence[str], limits: Limits, forget: Any) -> Parts:
    """Put the components into the page that is being built.

    Args:
        models: what they are called, the first is chosen.
        limits: shown where they matter.
        forget: called with the list of samples that nobody looks at any more.
    """
    gr.HTML(
        f"<h1>{TITLE}</h1><p>Fill holes in pictures. Pictures stay on this machine, and what is not painted stays as "
        "it is.</p>",
        elem_id="inlay-head",
    )
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            seen = _picture_side(limits)
        with gr.Column(scale=2, min_width=300):
            asked = _asking_side(models, limits)
    return Parts(
        loaded=gr.State(time_to_live=_KEPT),
        samples=gr.State([], time_to_live=_KEPT, delete_callback=forget),
        **seen,
        **asked,
    )


def says(lines: Sequence[str]) -> str:
    """Lines as they are shown; they are read out where somebody listens to the page."""
    return f'<div role="status">{"".join(f"<p>{neutral(line)}</p>" for line in lines)}</div>'


def neutral(text: object) -> str:
    """A text for a page, which a browser takes for nothing else."""
    return html.escape(printable(text))


def _picture_side(limits: Limits) -> dict[str, Any]:
    with gr.Tabs(elem_id="inlay-tabs") as tabs:
        with gr.Tab("Picture", id="picture"):
            picture = handed_in(
                label=f"Picture (up to {limits.pixels / 1e6:g} megapixels)",
                file_types=list(SUFFIXES),
                height=150,
                elem_id="inlay-picture",
            )
            paint = painter()
            with gr.Accordion("Mask file", open=False, visible=False) as mask_part:
                hole_is = gr.Radio(["white", "black"], value="white", label="Color of the hole in the file")
                mask = handed_in(label="Mask: drop or choose one", file_types=list(SUFFIXES), height=110)
        with gr.Tab("Result", id="result", interactive=False) as result_tab:
            compare = gr.ImageSlider(
                label="Before | after",
                format="png",
                interactive=False,
                buttons=["fullscreen"],
                max_height=720,
                elem_id="inlay-compare",
            )
            caption = gr.HTML(elem_classes="inlay-said")
            gallery = gr.Gallery(
                label="Samples: choose one", visible=False, columns=4, allow_preview=False, format="png", buttons=[],
                elem_id="inlay-samples",
            )  # fmt: skip
            download = gr.DownloadButton("Download at full size (PNG)", variant="primary")
    return {
        "tabs": tabs, "picture": picture, "painter": paint, "mask_part": mask_part,
        "hole_is": hole_is, "mask": mask, "result_tab": result_tab, "compare": compare, "caption": caption,
        "gallery": gallery, "download": download,
    }  # fmt: skip


def _asking_side(models: Sequence[str], limits: Limits) -> dict[str, Any]:
    model = gr.Dropdown(list(models), value=models[0], label="Model", filterable=False)
    text = gr.Textbox("", label="Text", info="What the hole shall show", max_length=LONGEST_TEXT, visible=False)
    doubts = gr.HTML(visible=False, elem_classes="inlay-said")
    with gr.Row(visible=False) as draws:
        count = gr.Slider(1, limits.samples, value=1, step=1, label="Samples", min_width=130)
        seed = gr.Textbox("", label="Seed", info="Empty: not drawn, always the same", max_length=10, min_width=130)
    with gr.Accordion("Advanced", open=False):
        strategy = gr.Dropdown(
            list(STRATEGIES), value="auto", label="Strategy", filterable=False,
            info="whole picture, crop around each hole, tiles, or small first",
        )  # fmt: skip
        blend = gr.Dropdown(
            list(BLENDS), value="none", label="Blend", filterable=False, info="poisson removes a seam of colors"
        )
        feather = gr.Slider(
            0, min(64, WIDEST), value=0, step=1, label="Feather", info="Pixels around the hole to blend over"
        )
        dilate = gr.Slider(0, min(64, WIDEST), value=0, step=1, label="Dilate", info="Pixels to widen the hole by")
    status = gr.HTML(says(["No picture yet."]), elem_classes="inlay-said")
    button = gr.Button("Fill", variant="primary", interactive=False, elem_id="inlay-fill")
    return {
        "model": model, "text": text, "doubts": doubts, "draws": draws, "count": count, "seed": seed,
        "strategy": strategy, "blend": blend, "feather": feather, "dilate": dilate, "status": status, "fill": button,
    }  # fmt: skip
