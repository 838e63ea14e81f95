"""The part of the page that the hole is painted in.

Gradio's own editor knows no box, takes no numbers from a keyboard, and sends three pictures at every stroke; this one
sends the hole alone. How it talks with the program: ``painter.js``.
"""

import base64
import time
from importlib.resources import files
from io import BytesIO
from typing import Any

import gradio as gr
from PIL import Image

from inlay.app.holes import Hole, in_preview, shown
from inlay.app.pictures import preview
from inlay.images import Picture


def painter() -> gr.HTML:
    """An empty painter; its value is what :func:`inlay.app.holes.painted` reads, its event ``input``."""
    part = {name: (files("inlay.app") / f"painter.{name}").read_text() for name in ("html", "css", "js")}
    return gr.HTML(
        "",
        html_template=part["html"],
        css_template=part["css"],
        js_on_load=part["js"],
        apply_default_css=False,
        elem_id="inlay-painter",
        picture="",
        size=[1, 1],
        given=None,
    )


def with_picture(picture: Picture | None) -> dict[str, Any]:
    """The update that shows a picture with nothing painted; None shows none."""
    if picture is None:
        return gr.update(picture="", given=None)
    height, width = picture.size
    return gr.update(picture=_jpeg(picture), size=[width, height], given=None)


def with_mask(hole: Hole) -> dict[str, Any]:
    """The update that replaces what is painted by a mask of the picture's size; undo brings it back."""
    # The turn makes the same mask, given once more, another value.
    url = shown(in_preview(hole))
    return gr.update(given={"url": url, "turn": time.monotonic_ns()})


def _jpeg(picture: Picture) -> str:
    stream = BytesIO()
    Image.fromarray(preview(picture)).save(stream, "JPEG", quality=92)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
