"""What happens on the page."""

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from inlay.app.filling import Sample, Wish, fill, forget
from inlay.app.holes import Hole, full_size, painted, preview_size, remarks
from inlay.app.layout import TITLE, Parts, lay_out, neutral, says
from inlay.app.limits import FILLING, OPENING, Limits, OneAtATime
from inlay.app.models import Models
from inlay.app.painter import with_mask, with_picture
from inlay.app.pictures import Loaded, load, load_mask, preview
from inlay.app.room import Room
from inlay.composing import How
from inlay.errors import InlayError
from inlay.images import HoleIs

log = logging.getLogger(__name__)

_KEPT = 3600  # seconds for which a file is kept that was handed in
_LOOK = "() => document.querySelector('#inlay-tabs').scrollIntoView()"
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

Happened = dict[Any, Any]
"""New values, by the component that gets them."""


class Page:
    """The page over some models; ``blocks`` is what Gradio serves.

    Args:
        models: by what the page calls them.
        limits: what it refuses.
        room: where pictures for download are written; whoever made its folder removes it.
    """

    def __init__(self, models: Models, limits: Limits, room: Room) -> None:
        self.models, self.limits, self.room = models, limits, room
        self._fills, self._openings = OneAtATime(limits.seconds, FILLING), OneAtATime(limits.seconds, OPENING)
        with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, _KEPT)) as self.blocks:
            self.parts = lay_out(list(models), limits, forget)
            self._connect(self.parts)
        self.blocks.queue(max_size=limits.waiting, api_open=False)

    def _connect(self, p: Parts) -> None:
        """Say what happens when, and what may change by it."""
        ready = [p.status, p.fill]
        opened: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "opening"}  # pictures and masks in turn
        gr.on(
            [p.picture.upload, p.picture.clear], told(self.open_picture), [p.picture, p.samples],
            [p.loaded, p.painter, p.mask_part, p.mask, p.samples, p.result_tab, p.compare, *ready],
            trigger_mode="multiple", **opened, **_QUIET,
        )  # fmt: skip
        gr.on(
            [p.mask.upload, p.hole_is.input], told(self.open_mask), [p.loaded, p.mask, p.hole_is],
            [p.loaded, p.painter], trigger_mode="multiple", **opened, **_QUIET,
        )  # fmt: skip
        p.painter.input(told(self.look), [p.loaded, p.painter], ready, trigger_mode="always_last", **_QUIET)
        gr.on(
            [self.blocks.load, p.model.input], told(self.choose), [p.model, p.text],
            [p.text, p.doubts, p.draws], trigger_mode="always_last", **_QUIET,
        )  # fmt: skip
        p.text.change(told(self.read), [p.model, p.text], p.doubts, trigger_mode="always_last", **_QUIET)
        asked = [p.text, p.count, p.seed, p.strategy, p.feather, p.dilate, p.blend]
        filled = p.fill.click(
            told(self.fill), [p.loaded, p.painter, p.samples, p.model, *asked],
            [p.samples, p.tabs, p.result_tab, p.compare, p.gallery, p.caption, p.download],
            concurrency_limit=1, api_visibility="private", show_progress_on=p.painter,
        )  # fmt: skip
        filled.success(None, js=_LOOK)
        p.gallery.select(told(self.show), [p.loaded, p.samples], [p.compare, p.caption, p.download], **_QUIET)

    def close(self) -> None:
        """End: who waits for a picture is told so, and when all have their answers, the server goes."""
        for turns in (self._fills, self._openings):
            turns.stop()
        self.blocks.server_app.stop_event.set()  # of the connections that are open as long as a visit
        self.blocks.server.close()  # waits a few seconds for answers
        self.room.close()
        self.blocks.close(verbose=False)

    def open_picture(self, path: str | None, samples: list[Sample]) -> Happened:
        """A picture was handed in, or taken away."""
        forget(samples)
        p = self.parts
        loaded = self._openings.run(functools.partial(load, path, self.limits)) if path else None
        return {
            p.loaded: loaded,
            p.painter: with_picture(loaded.picture if loaded else None),
            p.mask_part: gr.update(visible=loaded is not None),
            p.mask: None,
            p.samples: [],
            p.result_tab: gr.update(interactive=False),
            p.compare: None,
            **self.look(loaded, ""),
        }

    def open_mask(self, loaded: Loaded | None, path: str | None, hole_is: HoleIs) -> Happened:
        """A mask was handed in, or its colors mean the opposite."""
        p = self.parts
        if loaded is None or path is None:
            return {p.loaded: loaded}
        opening = functools.partial(load_mask, path, loaded.picture.size, hole_is, self.limits, loaded.picture.turned)
        given, said = self._openings.run(opening)
        for line in said:
            gr.Warning(neutral(line), title="Mask")
        return {p.loaded: replace(loaded, given=given), p.painter: with_mask(given)}

    def look(self, loaded: Loaded | None, url: str) -> Happened:
        """The hole changed."""
        p = self.parts
        if loaded is None:
            return {p.status: says(["No picture yet."]), p.fill: gr.update(interactive=False)}
        hole = self._hole(loaded, url)
        height, width = loaded.picture.size
        said = [f"{loaded.name}: {width} x {height}, {loaded.picture.mode}", *remarks(hole, loaded.given is not None)]
        return {p.status: says(said), p.fill: gr.update(interactive=bool(hole.any() and not hole.all()))}

    def choose(self, model: str, text: str) -> Happened:
        """Another model was chosen."""
        p, filler = self.parts, self.models[model].filler
        return {
            p.text: gr.update(visible=filler.takes_text),
            p.draws: gr.update(visible=filler.takes_seed),
            **self.read(model, text),
        }

    def read(self, model: str, text: str) -> Happened:
        """A text was typed."""
        filler = self.models[model].filler
        doubts = filler.doubts(text) if filler.takes_text and text else []
        return {self.parts.doubts: gr.update(value=says([f"Text: {each}" for each in doubts]), visible=bool(doubts))}

    def fill(self, loaded: Loaded | None, url: str, old: list[Sample], model: str, *asked: Any) -> Happened:
        """The button was pressed; ``asked`` is as :func:`_wish` takes it."""
        if loaded is None:
            raise InlayError("There is no picture yet. Load one first.")
        hole, wish = self._hole(loaded, url), _wish(*asked)
        work = functools.partial(fill, self.models[model], loaded, hole, wish, self.limits, self.room)
        samples = self._fills.run(work)
        forget(old)
        self.room.tidy()
        p = self.parts
        return {
            p.samples: samples,
            p.tabs: gr.update(selected="result"),
            p.result_tab: gr.update(interactive=True),
            p.gallery: gr.update(
                value=[(each.preview, each.seed) for each in samples], visible=len(samples) > 1, selected_index=0
            ),
            **self._shown(loaded, samples[0]),
        }

    def show(self, loaded: Loaded, samples: list[Sample], chosen: gr.SelectData) -> Happened:
        """A sample was chosen."""
        return self._shown(loaded, samples[chosen.index])

    def _shown(self, loaded: Loaded, sample: Sample) -> Happened:
        p = self.parts
        return {
            p.compare: (preview(loaded.picture), sample.preview),
            p.caption: says([", ".join(filter(None, [sample.how, sample.seed]))]),
            p.download: str(sample.file),
        }

    def _hole(self, loaded: Loaded, url: str) -> Hole:
        size = loaded.picture.size
        return full_size(painted(url or "", preview_size(size)), size, loaded.given)


def told(action: Callable[..., Happened]) -> Callable[..., Happened]:
    """What an action raises as a line on the page; a defect goes to the terminal in full, and to nobody else."""

    @functools.wraps(action)
    def telling(*arguments: Any) -> Happened:
        try:
            return action(*arguments)
        except InlayError as error:
            raise gr.Error(neutral(error), title=TITLE, print_exception=False) from error
        except Exception as error:
            log.exception("the page: %s", action.__name__)
            told = "Something went wrong; the terminal that Inlay was started in says what."
            raise gr.Error(told, title=TITLE, print_exception=False) from error

    return telling


def _wish(text: str, count: float, seed: str, strategy: Any, feather: float, dilate: float, blend: Any) -> Wish:
    """What was asked for, from what the page's fields hold."""
    if seed.strip() and not seed.strip().isdecimal():
        raise InlayError(f"The seed must be a whole number from 0, or empty, got {seed!r}.")
    how = How(strategy, int(feather), int(dilate), blend)
    return Wish(text, int(seed) if seed.strip() else None, int(count), how)
