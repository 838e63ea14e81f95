"""Which action of the page follows which event, and what may change by it."""

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from inlay.app.layout import TITLE, Parts, neutral
from inlay.errors import InlayError

if TYPE_CHECKING:
    from inlay.app.page import Page

log = logging.getLogger(__name__)

_LOOK = "() => document.querySelector('#inlay-tabs').scrollIntoView()"
_BUSY = "() => ({ __type__: 'update', value: 'Filling …', interactive: false })"
_READY = "() => ({ __type__: 'update', value: 'Fill', interactive: true })"
_TAKE = "() => document.querySelector('#inlay-file').click()"
_NOTHING = "() => null"
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_QUIET: dict[str, Any] = {**_PRIVATE, "show_progress": "hidden"}

Happened = dict[Any, Any]
"""New values, by the component that gets them."""


def connect(page: "Page") -> None:
    """Connect the events of a page's parts to its actions."""
    for part in (_connect_picture, _connect_asking, _connect_results):
        part(page, page.parts)


def report_errors(action: Callable[..., Happened]) -> Callable[..., Happened]:
    """Show what an action raises as a line on the page; a defect goes to the terminal in full, and to nobody else."""

    @functools.wraps(action)
    def reporting(*arguments: Any) -> Happened:
        try:
            return action(*arguments)
        except InlayError as error:
            raise gr.Error(neutral(error), title=TITLE, print_exception=False) from error
        except Exception as error:
            log.exception("the page: %s", action.__name__)
            line = "Something went wrong; the terminal that Inlay was started in says what."
            raise gr.Error(line, title=TITLE, print_exception=False) from error

    return reporting


def _connect_picture(page: "Page", p: Parts) -> None:
    ready = [p.status, p.fill]
    shown = [p.loaded, p.painter, p.results, p.result_tab, p.compare, *ready]
    opened: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "opening"}  # pictures and masks in turn
    p.picture.upload(
        report_errors(page.open_picture), [p.picture, p.loaded, p.results], [p.tabs, p.picture, p.mask_part, *shown],
        trigger_mode="multiple", show_progress_on=[p.picture, p.status], **opened, **_PRIVATE,
    ).then(None, None, p.picture, js=_NOTHING, **_QUIET)  # fmt: skip
    p.mask.upload(
        report_errors(page.open_mask), [p.loaded, p.mask, p.mask_polarity], [p.loaded, p.painter],
        trigger_mode="multiple", **opened, **_QUIET,
    ).then(None, None, p.mask, js=_NOTHING, **_QUIET)  # fmt: skip
    p.mask_polarity.input(
        report_errors(page.turn_mask), [p.loaded, p.mask_polarity], [p.loaded, p.painter], trigger_mode="multiple",
        **opened, **_QUIET,
    )  # fmt: skip
    p.painter.input(report_errors(page.look), [p.loaded, p.painter], ready, trigger_mode="always_last", **_QUIET)
    for moved, action in ((p.painter.back, page.go_back), (p.painter.forward, page.go_forward)):
        moved(
            report_errors(action), [p.loaded, p.results], shown, show_progress_on=p.painter, **opened,
            **_PRIVATE,
        )  # fmt: skip
    p.keep_mask.click(
        report_errors(page.keep_mask), [p.loaded, p.painter], p.file, show_progress_on=p.keep_mask, **_PRIVATE
    ).success(None, js=_TAKE, **_QUIET)


def _connect_asking(page: "Page", p: Parts) -> None:
    models = [p.model, p.beside]
    gr.on(
        [page.blocks.load, p.model.input, p.beside.input], report_errors(page.choose), [*models, p.text],
        [p.text, p.text_warnings, p.draws], trigger_mode="always_last", **_QUIET,
    )  # fmt: skip
    p.text.change(report_errors(page.read), [*models, p.text], p.text_warnings, trigger_mode="always_last", **_QUIET)
    asked = [p.text, p.count, p.seed, p.strategy, p.feather, p.dilate, p.blend]
    p.fill.click(None, None, p.fill, js=_BUSY, **_QUIET)
    filled = p.fill.click(
        report_errors(page.fill), [p.loaded, p.painter, p.results, *models, *asked],
        [p.results, p.tabs, p.result_tab, *_seen(p), p.go_on, p.keep, p.keep_exact],
        concurrency_limit=1, show_progress="minimal", show_progress_on=p.status, **_PRIVATE,
    )  # fmt: skip
    filled.then(None, None, p.fill, js=_READY, **_QUIET)
    filled.success(None, js=_LOOK, **_QUIET)


def _connect_results(page: "Page", p: Parts) -> None:
    seen = [p.results, *_seen(p)]
    p.gallery.select(report_errors(page.show), [p.loaded, p.results], seen, **_QUIET)
    p.compare.input(report_errors(page.keep), [p.loaded, p.results, p.compare], seen, **_QUIET)
    p.go_on.click(
        report_errors(page.go_on), [p.loaded, p.results],
        [p.loaded, p.painter, p.results, p.result_tab, p.compare, p.tabs, p.status, p.fill],
        concurrency_limit=1, concurrency_id="opening", show_progress_on=p.compare, **_PRIVATE,
    ).success(None, js=_LOOK, **_QUIET)  # fmt: skip
    for button, action in (
        (p.keep, page.keep_own), (p.keep_exact, page.keep_exact), (p.keep_result_mask, page.keep_result_mask)
    ):  # fmt: skip
        button.click(
            report_errors(action), [p.loaded, p.results], p.file, show_progress_on=button, **_PRIVATE
        ).success(None, js=_TAKE, **_QUIET)  # fmt: skip


def _seen(p: Parts) -> list[Any]:
    return [p.compare, p.gallery, p.caption]
