import asyncio
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from inlay.app.filling import PageResults, open_models
from inlay.app.limits import Limits
from inlay.app.masks import decode_runs, encode_runs
from inlay.app.room import Room
from inlay.errors import InlayError
from inlay.images import read_picture
from inlay.pipeline import BLENDS, STRATEGIES
from tests.pictures import write_mask


@pytest.fixture(scope="module")
def gradio():
    return pytest.importorskip("gradio", reason="the page needs gradio: pip install 'inlay[app]'")


@pytest.fixture(scope="module")
def page(tmp_path_factory, gradio):
    from inlay.app.page import Page

    async def built():  # outside a loop, Gradio makes several and closes none
        return Page(open_models(["mean", "telea"], "cpu"), Limits(), Room(tmp_path_factory.mktemp("downloads"), 1e9))

    return asyncio.run(built())


@pytest.fixture
def loaded(page, tmp_path, rng):
    Image.fromarray(rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)).save(tmp_path / "cat.png")
    happened = page.open_picture(str(tmp_path / "cat.png"), None, None)
    return happened[page.parts.loaded]


HOLE = np.pad(np.ones((5, 10), bool), ((5, 10), (5, 15)))
BOX = encode_runs(HOLE)


@pytest.fixture
def fill(page, loaded):
    def run(*models, loaded=loaded, last=None, seed=""):
        return page.fill(loaded, BOX, last, *(models or ("mean", "")), "", 1, seed, "auto", 0, 0, False)

    return run


@pytest.mark.stranger("17.B.3")
def test_nothing_is_offered_to_programs_nor_has_their_names_and_one_fill_runs_at_a_time(page):
    shown = {name for each in page.blocks.blocks.values() for name, _ in getattr(each, "choices", None) or []}
    assert "Only what is around each hole, at full sharpness" in shown
    assert not shown & {*STRATEGIES, *BLENDS, "telea", "mean"}
    assert len(page.blocks.fns) >= 8
    assert {fn.api_visibility for fn in page.blocks.fns.values()} == {"private"}
    assert page.blocks.get_api_info()["named_endpoints"] == {}
    assert not page.blocks.analytics_enabled
    fill = next(fn for fn in page.blocks.fns.values() if fn.name == "fill")
    assert (fill.concurrency_limit, page.blocks._queue.max_size) == (1, Limits().waiting)


@pytest.mark.stranger("17.B.3")
def test_a_picture_is_shown_its_button_waits_for_a_hole_and_its_widget_forgets_its_name(page, tmp_path):
    p = page.parts
    Image.new("RGB", (30, 20)).save(tmp_path / "cat\u202egnp.png")
    before = page.open_picture(str(tmp_path / "cat\u202egnp.png"), None, None)
    assert before[p.picture] == {"value": None, "visible": "hidden", "__type__": "update"}  # it would show it as it is
    assert not before[p.fill]["interactive"]
    assert "No hole yet" in before[p.status]
    after = page.look(before[p.loaded], BOX)
    assert after[p.fill]["interactive"]
    assert r"cat\u202egnp.png: 30 x 20, RGB" in after[p.status]
    assert "Hole: 8.3%" in after[p.status]


def test_a_mask_file_is_shown_and_its_colors_can_be_turned(page, loaded, tmp_path):
    mask, p = np.pad(np.ones((10, 6), bool), ((2, 8), (3, 21))), page.parts
    write_mask(tmp_path / "mask.png", mask)
    happened = page.open_mask(loaded, str(tmp_path / "mask.png"), "black")
    turned = page.turn_mask(happened[p.loaded], "white")
    for each, expected in ((happened, ~mask), (turned, mask)):
        assert np.array_equal(decode_runs(each[p.painter]["given"]["runs"], (20, 30)), expected)
    again = page.turn_mask(happened[p.loaded], "white")  # shown once more, or painting would hide it
    assert again[p.painter]["given"] != turned[p.painter]["given"]


def test_filling_shows_the_result_and_forgets_the_one_before(page, loaded, fill, monkeypatch):
    monkeypatch.setattr("inlay.app.views.LONGEST", 10)
    p = page.parts
    first = fill()[p.results].samples[0]
    second = fill(last=PageResults.of(loaded.version, BOX, [first]))
    (sample,) = second[p.results].samples
    before, after = loaded.picture.pixels, sample.patch.apply(loaded.picture).pixels
    assert np.array_equal(after[~HOLE], before[~HOLE])
    assert (after[HOLE] != before[HOLE]).any()
    assert (first.view.full.exists(), sample.view.full.exists()) == (False, True)
    assert not second[p.gallery]["visible"]
    shown = second[p.compare]["results"]
    assert (shown["size"], [pane["title"] for pane in shown["panes"]]) == ([30, 20], ["One plain color (mean)"])


@pytest.mark.stranger("17.B.2")
def test_two_models_are_compared_and_either_is_kept(page, loaded, fill):
    p = page.parts
    happened = fill("telea", "mean")
    assert [pane["number"] for pane in happened[p.compare]["results"]["panes"]] == [0, 1]
    kept = page.keep(loaded, happened[p.results], "1")
    assert (happened[p.compare]["kept"], kept[p.compare]["kept"]) == (0, 1)
    assert "One plain color (mean): it saw" in kept[p.caption]
    path = page.keep_own(loaded, kept[p.results])[p.file]
    second = kept[p.results].samples[1].patch.apply(loaded.picture)
    assert np.array_equal(read_picture(path).pixels, second.pixels)
    assert len(fill("mean", "mean")[p.results].samples) == 1  # not with itself


@pytest.mark.stranger("17.B.3")
def test_going_on_from_a_result_and_undo_brings_the_picture_and_its_hole_back(page, loaded, fill):
    p = page.parts
    results = fill()[p.results]
    on = page.go_on(loaded, results)
    filled = results.samples[0].patch.apply(loaded.picture).pixels
    assert np.array_equal(on[p.loaded].picture.pixels, filled)
    assert (on[p.painter]["back"], on[p.painter]["forward"], on[p.painter]["given"]) == (True, False, None)
    assert on[p.results] is None
    assert not on[p.fill]["interactive"]
    back = page.go_back(on[p.loaded], None)
    assert np.array_equal(back[p.loaded].picture.pixels, loaded.picture.pixels)
    assert back[p.painter]["given"]["runs"] == BOX
    assert (back[p.painter]["back"], back[p.painter]["forward"]) == (False, True)
    forward = page.go_forward(back[p.loaded], None)
    assert np.array_equal(forward[p.loaded].picture.pixels, filled)
    for go in (page.go_back, page.go_forward):
        assert go(loaded, None) == {p.loaded: loaded}  # nothing to go to


@pytest.mark.stranger("17.B.3")
def test_a_result_of_a_picture_that_was_left_meanwhile_is_none_of_the_next_one(page, loaded, fill):
    results = fill()[page.parts.results]
    other = replace(loaded, version=loaded.version + 1)
    for action in (page.go_on, page.keep_own, page.keep_exact, page.keep_result_mask):
        with pytest.raises(InlayError, match="Another picture is worked on by now"):
            action(other, results)
        with pytest.raises(InlayError, match=r"not kept here any more\. Press Fill again"):
            action(loaded, None)


@pytest.mark.stranger("17.B.3")
def test_the_result_the_exact_one_and_the_mask_are_downloaded(page, loaded, fill):
    p, photograph = page.parts, replace(loaded, name="cat.JPG")
    happened = fill(loaded=photograph)
    assert happened[p.keep]["value"] == "Download JPG"
    assert happened[p.keep_exact]["visible"]
    results = happened[p.results]
    own, exact = page.keep_own(photograph, results)[p.file], page.keep_exact(photograph, results)[p.file]
    assert [Path(own).name, Path(exact).name] == ["cat_filled.jpg", "cat_filled.png"]
    assert np.array_equal(read_picture(exact).pixels[~HOLE], loaded.picture.pixels[~HOLE])
    for mask in (page.keep_result_mask(photograph, results), page.keep_mask(photograph, BOX)):
        assert np.array_equal(read_picture(mask[p.file]).pixels[..., 0] > 0, HOLE)


def test_a_seed_is_a_whole_number_and_a_file_that_made_room_is_asked_for_again(page, loaded, fill, tmp_path):
    for seed in ("-1", "1.5", "one"):
        with pytest.raises(InlayError, match="whole number from 0, or empty"):
            fill(seed=seed)
    with pytest.raises(InlayError, match=r"gone\.png: not kept here any more\. Hand it in again"):
        page.open_mask(loaded, str(tmp_path / "gone.png"), "white")


@pytest.mark.stranger("A.4")
def test_mistakes_and_names_are_text_on_the_page_and_defects_stay_in_the_terminal(gradio, caplog):
    from inlay.app.events import report_errors
    from inlay.app.layout import says

    shown = r"&lt;img src=x onerror=alert(1)&gt;\x1b[31m\x07\u202e.png"
    told = says(["<img src=x onerror=alert(1)>\x1b[31m\x07\u202e.png"])
    assert told == f'<div role="status"><p>{shown}</p></div>'

    def failing(error):
        raise error

    with pytest.raises(gradio.Error) as shown:
        report_errors(failing)(InlayError("<img src=x onerror=alert(1)>\u202e: no"))
    assert shown.value.message == r"&lt;img src=x onerror=alert(1)&gt;\u202e: no"
    with pytest.raises(gradio.Error) as shown:
        report_errors(failing)(RuntimeError("/home/somebody/secret"))
    assert "secret" not in shown.value.message
    assert "secret" in caplog.text


@pytest.mark.stranger("A.9")
def test_a_picture_that_takes_too_long_to_open_is_given_up(page, loaded, tmp_path, monkeypatch):
    end = Event()
    for name in ("load", "load_mask"):
        monkeypatch.setattr(f"inlay.app.page.{name}", lambda *_: end.wait(60))
    monkeypatch.setattr(page._openings, "seconds", 0.01)
    with pytest.raises(InlayError, match=r"Opening the picture took more than 0\.01 seconds.*--seconds"):
        page.open_picture(str(tmp_path / "slow.jpg"), None, None)
    with pytest.raises(InlayError, match="still being opened"):
        page.open_mask(loaded, str(tmp_path / "slow.png"), "white")
    end.set()
    page._openings._last.result(60)
