"""Actions of the page."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from inlay.app.events import Happened, connect
from inlay.app.filling import Models, PageRequest, PageResults, fill
from inlay.app.layout import KEPT, TITLE, Parts, given, neutral, says, with_picture, with_results
from inlay.app.limits import FILLING, OPENING, Limits, SerialExecutor
from inlay.app.masks import decode_runs, encode_runs, remarks
from inlay.app.pictures import Loaded, load, load_mask, own_format, save
from inlay.app.room import Room
from inlay.errors import InlayError
from inlay.images import LOSSY, MaskPolarity, Picture
from inlay.pipeline import FillOptions, choose_composer


class Page:
    """The page over some models; ``blocks`` is what Gradio serves. Whoever made the room's folder removes it."""

    def __init__(self, models: Models, limits: Limits, room: Room) -> None:
        self.models, self.limits, self.room = models, limits, room
        self._fills, self._openings = SerialExecutor(limits.seconds, FILLING), SerialExecutor(limits.seconds, OPENING)
        with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, KEPT)) as self.blocks:
            self.parts = Parts(list(models), limits)
            connect(self)
        self.blocks.queue(max_size=limits.waiting, api_open=False)

    def close(self) -> None:
        """Close: those who wait for a picture get an error, then the server ends."""
        for turns in (self._fills, self._openings):
            turns.stop()
        self.blocks.server_app.stop_event.set()  # of the connections that are open as long as a visit
        self.blocks.server.close()  # waits a few seconds for answers
        self.room.close()
        self.blocks.close(verbose=False)

    def open_picture(self, path: str, old: Loaded | None, results: PageResults | None) -> Happened:
        """A picture was handed in."""
        p = self.parts
        loaded = self._openings.run(functools.partial(load, path, self.limits, self.room))
        if old:
            old.view.forget()
        return {
            p.tabs: gr.update(selected="picture"),
            p.picture: gr.update(value=None, visible="hidden"),
            p.mask_part: gr.update(visible=True),
            **self._worked_on(loaded, results),
        }

    def open_mask(self, loaded: Loaded | None, path: str | None, mask_polarity: MaskPolarity) -> Happened:
        """A mask was handed in."""
        p = self.parts
        if loaded is None or path is None:
            return {p.loaded: loaded}
        size, turned = loaded.picture.size, loaded.picture.turned
        opening = functools.partial(load_mask, path, size, mask_polarity, self.limits, turned)
        hole, said = self._openings.run(opening)
        for line in said:
            gr.Warning(neutral(line), title="Mask")
        return {
            p.loaded: replace(loaded, mask=path, undone=()),
            p.painter: gr.update(given=given(encode_runs(hole)), forward=False),
        }

    def turn_mask(self, loaded: Loaded | None, mask_polarity: MaskPolarity) -> Happened:
        """The colors of the mask that was handed in mean the opposite."""
        return self.open_mask(loaded, loaded.mask if loaded else None, mask_polarity)

    def look(self, loaded: Loaded | None, runs: str) -> Happened:
        """The hole changed."""
        p = self.parts
        if loaded is None:
            return {p.status: says(["No picture yet."]), p.fill: gr.update(interactive=False)}
        hole = decode_runs(runs or "", loaded.picture.size)
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
        found = dict.fromkeys(warning for filler in fillers for warning in filler.text_warnings(text))
        shown = gr.update(value=says([f"Text: {each}" for each in found]), visible=bool(found))
        return {self.parts.text_warnings: shown}

    def fill(
        self, loaded: Loaded | None, runs: str, old: PageResults | None, model: str, beside: str, *asked: Any
    ) -> Happened:
        """The button was pressed; ``asked`` are the arguments of :func:`_to_request`."""
        if loaded is None:
            raise InlayError("There is no picture yet. Load one first.")
        hole, request = decode_runs(runs or "", loaded.picture.size), _to_request(*asked)
        models = self._chosen(model, beside)
        work = functools.partial(fill, models, loaded, hole, request, self.limits, self.room)
        results = PageResults.of(loaded.version, runs, self._fills.run(work))
        if old:
            old.forget()
        self.room.tidy()
        p, suffix = self.parts, own_format(loaded)
        return {
            p.tabs: gr.update(selected="result"),
            p.result_tab: gr.update(interactive=True),
            p.go_on: gr.update(value="Go on from the chosen one" if len(models) > 1 else "Go on from this result"),
            p.keep: gr.update(value=f"Download {suffix[1:].upper()}"),
            p.keep_exact: gr.update(visible=suffix in LOSSY),
            **self._shown(loaded, results),
            p.gallery: gr.update(
                value=[(each.view.small, each.title) for each in results.samples],
                visible=len(results.samples) > len(results.shown),
                selected_index=results.kept,
            ),
        }

    def show(self, loaded: Loaded | None, results: PageResults | None, chosen: gr.SelectData) -> Happened:
        """A sample was chosen among the small ones."""
        loaded, results = _there(loaded, results)
        return self._shown(loaded, results.keep(chosen.index))

    def keep(self, loaded: Loaded | None, results: PageResults | None, chosen: str) -> Happened:
        """A result was chosen of two."""
        loaded, results = _there(loaded, results)
        results = results.keep(int(chosen))
        return {**self._shown(loaded, results), self.parts.compare: gr.update(kept=results.kept)}

    def go_on(self, loaded: Loaded | None, results: PageResults | None) -> Happened:
        """The result becomes the picture."""
        loaded, results = _there(loaded, results)
        sample = results.samples[results.kept]
        on = loaded.go_on(sample.patch, results.runs, self.room)
        return {**self._worked_on(on, results), self.parts.tabs: gr.update(selected="picture")}

    def go_back(self, loaded: Loaded | None, results: PageResults | None) -> Happened:
        """Undo went beyond what was painted: the picture before, with its hole."""
        if loaded is None or not loaded.done:
            return {self.parts.loaded: loaded}
        runs = loaded.done[-1].runs
        happened = self._worked_on(loaded.go_back(self.room), results)
        return {**happened, self.parts.painter: {**happened[self.parts.painter], "given": given(runs)}}

    def go_forward(self, loaded: Loaded | None, results: PageResults | None) -> Happened:
        """Redo went beyond what was painted."""
        if loaded is None or not loaded.undone:
            return {self.parts.loaded: loaded}
        return self._worked_on(loaded.go_forward(self.room), results)

    def keep_own(self, loaded: Loaded | None, results: PageResults | None) -> Happened:
        """The result is downloaded in the format that the picture came in."""
        loaded, results = _there(loaded, results)
        return self._saved(loaded, results, own_format(loaded))

    def keep_exact(self, loaded: Loaded | None, results: PageResults | None) -> Happened:
        """The result is downloaded with every pixel as it is."""
        return self._saved(*_there(loaded, results), ".png")

    def keep_result_mask(self, loaded: Loaded | None, results: PageResults | None) -> Happened:
        """The hole that was filled is downloaded."""
        loaded, results = _there(loaded, results)
        return self.keep_mask(loaded, results.runs)

    def keep_mask(self, loaded: Loaded | None, runs: str) -> Happened:
        """The hole is downloaded."""
        if loaded is None:
            raise InlayError("There is no picture yet. Load one first.")
        hole = decode_runs(runs or "", loaded.picture.size)
        white = Picture(hole[..., None].astype(np.uint8) * 255)
        return {self.parts.file: str(save(white, f"{Path(loaded.name).stem}_mask.png", self.room))}

    def _saved(self, loaded: Loaded, results: PageResults, suffix: str) -> Happened:
        filled = results.samples[results.kept].patch.apply(loaded.picture)
        return {self.parts.file: str(save(filled, f"{Path(loaded.name).stem}_filled{suffix}", self.room))}

    def _worked_on(self, loaded: Loaded, results: PageResults | None) -> Happened:
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

    def _shown(self, loaded: Loaded, results: PageResults) -> Happened:
        p, kept = self.parts, results.samples[results.kept]
        said = [f"{kept.title}: {kept.looked}."]
        if (suffix := own_format(loaded)) in LOSSY:
            said.append(f"As {suffix[1:].upper()} all of it is compressed anew; as PNG every pixel stays as it is.")
        return {
            p.results: results,
            p.compare: with_results(loaded.view, results),
            p.gallery: gr.update(selected_index=results.kept),
            p.caption: says(said),
        }

    def _chosen(self, model: str, beside: str) -> Models:
        return {name: self.models[name] for name in dict.fromkeys([model, beside]) if name}


def _there(loaded: Loaded | None, results: PageResults | None) -> tuple[Loaded, PageResults]:
    """The picture and its results, which are kept for an hour."""
    if results is None:
        raise InlayError("The result is not kept here any more. Press Fill again.")
    return results.check(loaded), results


def _to_request(
    text: str, count: float, seed: str, strategy: Any, feather: float, dilate: float, blend: bool
) -> PageRequest:
    """Build a request from the values of the page's fields."""
    if seed.strip() and not seed.strip().isdecimal():
        raise InlayError(f"The seed must be a whole number from 0, or empty, got {seed!r}.")
    composer = choose_composer("poisson" if blend else "none", int(feather), int(dilate))
    return PageRequest(text, int(seed) if seed.strip() else None, int(count), FillOptions(strategy, composer))
