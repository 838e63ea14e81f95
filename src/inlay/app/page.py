"""What happens on the page."""

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from inlay.app.filling import Results, Wish, fill
from inlay.app.holes import painted, remarks
from inlay.app.layout import TITLE, Parts, lay_out, neutral, says
from inlay.app.limits import FILLING, OPENING, Limits, OneAtATime
from inlay.app.models import Models
from inlay.app.pictures import Loaded, hole_picture, is_exact, load, load_mask, own_format, save
from inlay.app.pieces import given, with_mask, with_picture, with_results
from inlay.app.room import Room
from inlay.composing import How
from inlay.errors import InlayError
from inlay.images import HoleIs

log = logging.getLogger(__name__)

_KEPT = 3600  # seconds for which a file is kept that was handed in
_LOOK = "() => document.querySelector('#inlay-tabs').scrollIntoView()"
_BUSY = "() => ({ __type__: 'update', value: 'Filling …', interactive: false })"
_READY = "() => ({ __type__: 'update', value: 'Fill', interactive: true })"
_TAKE = "() => document.querySelector('#inlay-file').click()"
_NOTHING = "() => null"
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_QUIET: dict[str, Any] = {**_PRIVATE, "show_progress": "hidden"}

Happened = dict[Any, Any]
"""New values, by the component that gets them."""


class Page:
    """The page over some models; ``blocks`` is what Gradio serves.

    Args:
        models: by what the page calls them.
        limits: what it refuses.
        room: where what is shown and downloaded is written; whoever made its folder removes it.
    """

    def __init__(self, models: Models, limits: Limits, room: Room) -> None:
        self.models, self.limits, self.room = models, limits, room
        self._fills, self._openings = OneAtATime(limits.seconds, FILLING), OneAtATime(limits.seconds, OPENING)
        with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, _KEPT)) as self.blocks:
            self.parts = lay_out(list(models), limits)
            self._connect_picture(self.parts)
            self._connect_asking(self.parts)
            self._connect_results(self.parts)
        self.blocks.queue(max_size=limits.waiting, api_open=False)

    def _connect_picture(self, p: Parts) -> None:
        """Say what happens when to the picture and the hole, and what may change by it."""
        ready = [p.status, p.fill]
        shown = [p.loaded, p.painter, p.results, p.result_tab, p.compare, *ready]
        opened: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "opening"}  # pictures and masks in turn
        p.picture.upload(
            told(self.open_picture), [p.picture, p.loaded, p.results], [p.picture, p.mask_part, *shown],
            trigger_mode="multiple", show_progress_on=[p.picture, p.painter], **opened, **_PRIVATE,
        ).then(None, None, p.picture, js=_NOTHING, **_QUIET)  # fmt: skip
        p.mask.upload(
            told(self.open_mask), [p.loaded, p.mask, p.hole_is], [p.loaded, p.painter], trigger_mode="multiple",
            **opened, **_QUIET,
        ).then(None, None, p.mask, js=_NOTHING, **_QUIET)  # fmt: skip
        p.hole_is.input(
            told(self.turn_mask), [p.loaded, p.hole_is], [p.loaded, p.painter], trigger_mode="multiple", **opened,
            **_QUIET,
        )  # fmt: skip
        p.painter.input(told(self.look), [p.loaded, p.painter], ready, trigger_mode="always_last", **_QUIET)
        for moved, action in ((p.painter.back, self.go_back), (p.painter.forward, self.go_forward)):
            moved(
                told(action), [p.loaded, p.results], shown, show_progress_on=p.painter, **opened,
                **_PRIVATE,
            )  # fmt: skip
        p.keep_mask.click(
            told(self.keep_mask), [p.loaded, p.painter], p.file, show_progress_on=p.keep_mask, **_PRIVATE
        ).success(None, js=_TAKE, **_QUIET)

    def _connect_asking(self, p: Parts) -> None:
        models = [p.model, p.beside]
        gr.on(
            [self.blocks.load, p.model.input, p.beside.input], told(self.choose), [*models, p.text],
            [p.text, p.doubts, p.draws], trigger_mode="always_last", **_QUIET,
        )  # fmt: skip
        p.text.change(told(self.read), [*models, p.text], p.doubts, trigger_mode="always_last", **_QUIET)
        asked = [p.text, p.count, p.seed, p.strategy, p.feather, p.dilate, p.blend]
        p.fill.click(None, None, p.fill, js=_BUSY, **_QUIET)
        filled = p.fill.click(
            told(self.fill), [p.loaded, p.painter, p.results, *models, *asked],
            [p.results, p.tabs, p.result_tab, *self._seen(p), p.go_on, p.keep, p.keep_exact],
            concurrency_limit=1, show_progress="minimal", show_progress_on=p.status, **_PRIVATE,
        )  # fmt: skip
        filled.then(None, None, p.fill, js=_READY, **_QUIET)
        filled.success(None, js=_LOOK, **_QUIET)

    def _connect_results(self, p: Parts) -> None:
        seen = [p.results, *self._seen(p)]
        p.gallery.select(told(self.show), [p.loaded, p.results], seen, **_QUIET)
        p.compare.input(told(self.keep), [p.loaded, p.results, p.compare], seen, **_QUIET)
        p.go_on.click(
            told(self.go_on), [p.loaded, p.results],
            [p.loaded, p.painter, p.results, p.result_tab, p.compare, p.tabs, p.status, p.fill],
            concurrency_limit=1, concurrency_id="opening", show_progress_on=p.compare, **_PRIVATE,
        ).success(None, js=_LOOK, **_QUIET)  # fmt: skip
        for button, action in (
            (p.keep, self.keep_own), (p.keep_exact, self.keep_exact), (p.keep_result_mask, self.keep_result_mask)
        ):  # fmt: skip
            button.click(
                told(action), [p.loaded, p.results], p.file, show_progress_on=button, **_PRIVATE
            ).success(None, js=_TAKE, **_QUIET)  # fmt: skip

    def _seen(self, p: Parts) -> list[Any]:
        return [p.compare, p.gallery, p.caption]

    def close(self) -> None:
        """End: who waits for a picture is told so, and when all have their answers, the server goes."""
        for turns in (self._fills, self._openings):
            turns.stop()
        self.blocks.server_app.stop_event.set()  # of the connections that are open as long as a visit
        self.blocks.server.close()  # waits a few seconds for answers
        self.room.close()
        self.blocks.close(verbose=False)

    def open_picture(self, path: str, old: Loaded | None, results: Results | None) -> Happened:
        """A picture was handed in."""
        p = self.parts
        loaded = self._openings.run(functools.partial(load, path, self.limits, self.room))
        if old:
            old.view.forget()
        return {
            p.picture: gr.update(value=None, visible="hidden"),
            p.mask_part: gr.update(visible=True),
            **self._worked_on(loaded, results),
        }

    def open_mask(self, loaded: Loaded | None, path: str | None, hole_is: HoleIs) -> Happened:
        """A mask was handed in."""
        p = self.parts
        if loaded is None or path is None:
            return {p.loaded: loaded}
        size, turned = loaded.picture.size, loaded.picture.turned
        opening = functools.partial(load_mask, path, size, hole_is, self.limits, turned)
        hole, said = self._openings.run(opening)
        for line in said:
            gr.Warning(neutral(line), title="Mask")
        return {p.loaded: replace(loaded, mask=path, undone=()), p.painter: with_mask(hole)}

    def turn_mask(self, loaded: Loaded | None, hole_is: HoleIs) -> Happened:
        """The colors of the mask that was handed in mean the opposite."""
        return self.open_mask(loaded, loaded.mask if loaded else None, hole_is)

    def look(self, loaded: Loaded | None, runs: str) -> Happened:
        """The hole changed."""
        p = self.parts
        if loaded is None:
            return {p.status: says(["No picture yet."]), p.fill: gr.update(interactive=False)}
        hole = painted(runs or "", loaded.picture.size)
        height, width = loaded.picture.size
        said = [f"{loaded.name}: {width} x {height}, {loaded.picture.mode}", *remarks(hole, loaded.mask is not None)]
        return {p.status: says(said), p.fill: gr.update(interactive=bool(hole.any() and not hole.all()))}

    def choose(self, model: str, beside: str, text: str) -> Happened:
        """Other models were chosen."""
        p = self.parts
        fillers = [each.filler for each in self._chosen(model, beside).values()]
        return {
            p.text: gr.update(visible=any(each.takes_text for each in fillers)),
            p.draws: gr.update(visible=any(each.takes_seed for each in fillers)),
            **self.read(model, beside, text),
        }

    def read(self, model: str, beside: str, text: str) -> Happened:
        """A text was typed."""
        fillers = [each.filler for each in self._chosen(model, beside).values() if each.filler.takes_text and text]
        doubts = list(dict.fromkeys(doubt for filler in fillers for doubt in filler.doubts(text)))
        return {self.parts.doubts: gr.update(value=says([f"Text: {each}" for each in doubts]), visible=bool(doubts))}

    def fill(
        self, loaded: Loaded | None, runs: str, old: Results | None, model: str, beside: str, *asked: Any
    ) -> Happened:
        """The button was pressed; ``asked`` is as :func:`_wish` takes it."""
        if loaded is None:
            raise InlayError("There is no picture yet. Load one first.")
        hole, wish = painted(runs or "", loaded.picture.size), _wish(*asked)
        models = self._chosen(model, beside)
        work = functools.partial(fill, models, loaded, hole, wish, self.limits, self.room)
        results = Results.of(runs, self._fills.run(work))
        if old:
            old.forget()
        self.room.tidy()
        p, suffix = self.parts, own_format(loaded)
        return {
            p.tabs: gr.update(selected="result"),
            p.result_tab: gr.update(interactive=True),
            p.go_on: gr.update(value="Go on from the chosen one" if beside else "Go on from this result"),
            p.keep: gr.update(value=f"Download {suffix[1:].upper()}"),
            p.keep_exact: gr.update(visible=not is_exact(suffix)),
            **self._shown(loaded, results),
            p.gallery: gr.update(
                value=[(each.view.small, each.title) for each in results.samples],
                visible=len(results.samples) > len(results.shown),
                selected_index=results.kept,
            ),
        }

    def show(self, loaded: Loaded, results: Results, chosen: gr.SelectData) -> Happened:
        """A sample was chosen among the small ones."""
        return self._shown(loaded, results.keep(chosen.index))

    def keep(self, loaded: Loaded, results: Results, chosen: str) -> Happened:
        """A result was chosen of two."""
        return self._shown(loaded, results.keep(int(chosen)))

    def go_on(self, loaded: Loaded, results: Results) -> Happened:
        """The result becomes the picture."""
        sample = results.samples[results.kept]
        on = loaded.gone_on(sample.patch, results.runs, self.room)
        return {**self._worked_on(on, results), self.parts.tabs: gr.update(selected="picture")}

    def go_back(self, loaded: Loaded, results: Results | None) -> Happened:
        """Undo went beyond what was painted: the picture before, with its hole."""
        if not loaded.done:
            return {self.parts.loaded: loaded}
        runs = loaded.done[-1].runs
        happened = self._worked_on(loaded.gone_back(self.room), results)
        return {**happened, self.parts.painter: {**happened[self.parts.painter], "given": given(runs)}}

    def go_forward(self, loaded: Loaded, results: Results | None) -> Happened:
        """Redo went beyond what was painted."""
        if not loaded.undone:
            return {self.parts.loaded: loaded}
        return self._worked_on(loaded.gone_forward(self.room), results)

    def keep_own(self, loaded: Loaded, results: Results) -> Happened:
        """The result is downloaded in the format that the picture came in."""
        return self._saved(loaded, results, own_format(loaded))

    def keep_exact(self, loaded: Loaded, results: Results) -> Happened:
        """The result is downloaded with every pixel as it is."""
        return self._saved(loaded, results, ".png")

    def keep_result_mask(self, loaded: Loaded, results: Results) -> Happened:
        """The hole that was filled is downloaded."""
        return self.keep_mask(loaded, results.runs)

    def keep_mask(self, loaded: Loaded, runs: str) -> Happened:
        """The hole is downloaded."""
        hole = painted(runs or "", loaded.picture.size)
        return {self.parts.file: str(save(hole_picture(hole), f"{Path(loaded.name).stem}_mask.png", self.room))}

    def _saved(self, loaded: Loaded, results: Results, suffix: str) -> Happened:
        filled = results.samples[results.kept].patch.applied(loaded.picture)
        return {self.parts.file: str(save(filled, f"{Path(loaded.name).stem}_filled{suffix}", self.room))}

    def _worked_on(self, loaded: Loaded, results: Results | None) -> Happened:
        """Another picture is worked on; the results of the one before are forgotten."""
        if results:
            results.forget()
        p = self.parts
        return {
            p.loaded: loaded,
            p.painter: with_picture(loaded),
            p.results: None,
            p.result_tab: gr.update(interactive=False),
            p.compare: with_results(loaded.view, None),
            **self.look(loaded, ""),
        }

    def _shown(self, loaded: Loaded, results: Results) -> Happened:
        p, kept = self.parts, results.samples[results.kept]
        said = [f"{kept.title}: {kept.how}."]
        if not is_exact(suffix := own_format(loaded)):
            said.append(f"As {suffix[1:].upper()} all of it is compressed anew; as PNG every pixel stays as it is.")
        return {
            p.results: results,
            p.compare: with_results(loaded.view, results),
            p.gallery: gr.update(selected_index=results.kept),
            p.caption: says(said),
        }

    def _chosen(self, model: str, beside: str) -> Models:
        return {name: self.models[name] for name in dict.fromkeys([model, beside]) if name}


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


def _wish(text: str, count: float, seed: str, strategy: Any, feather: float, dilate: float, blend: bool) -> Wish:
    """What was asked for, from what the page's fields hold."""
    if seed.strip() and not seed.strip().isdecimal():
        raise InlayError(f"The seed must be a whole number from 0, or empty, got {seed!r}.")
    how = How(strategy, int(feather), int(dilate), "poisson" if blend else "none")
    return Wish(text, int(seed) if seed.strip() else None, int(count), how)
