"""Sheets: pictures side by side, with words below them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inlay.images.picture import Picture

_LABEL, _TEXT = 20, 14  # pixels: a line, and its letters


def contact_sheet(rows: Iterable[Iterable[NDArray[np.floating[Any]]]], gap: int = 4) -> Picture:
    """Lay ``(H, W, 3)`` pictures in ``[0, 1]`` out in rows on white, with a gap in pixels between neighbors."""
    strips = [_side_by_side(list(row), gap) for row in rows]
    turned = _side_by_side([strip.swapaxes(0, 1) for strip in strips], gap)  # rows below each other
    return Picture(np.rint(np.clip(turned.swapaxes(0, 1), 0.0, 1.0) * 255).astype(np.uint8))


def labeled(picture: NDArray[np.floating[Any]], text: str) -> NDArray[np.float32]:
    """An ``(H, W, 3)`` picture in ``[0, 1]`` with text below it, for a contact sheet."""
    return np.concatenate([picture.astype(np.float32), text_strip(text, picture.shape[1])])


def text_strip(text: str, width: int) -> NDArray[np.float32]:
    """Text in black on white, ``(H, width, 3)`` in ``[0, 1]``: as many lines as it takes."""
    font = ImageFont.load_default(_TEXT)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if font.getlength(longer) <= width - 4 or not lines[-1] else [*lines, word]
    page = Image.new("L", (width, _LABEL * len(lines)), 255)
    ImageDraw.Draw(page).multiline_text((2, 1), "\n".join(lines), 0, font, spacing=_LABEL - _TEXT)
    return np.repeat(np.asarray(page, np.float32)[..., None] / 255, 3, axis=2)


def _side_by_side(parts: list[NDArray[Any]], gap: int) -> NDArray[Any]:
    sheet = np.ones((max(p.shape[0] for p in parts), sum(p.shape[1] + gap for p in parts) - gap, 3), np.float32)
    left = 0
    for part in parts:
        sheet[: part.shape[0], left : left + part.shape[1]] = part
        left += part.shape[1] + gap
    return sheet
