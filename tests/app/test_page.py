"""What happens on the page, without a browser; the browser's test is next door."""

import asyncio
from threading import Event

import numpy as np
import pytest
from PIL import Image

from inlay.app.limits import Limits
from inlay.app.models import open_models
from inlay.app.room import Room
from inlay.errors import InlayError
from tests.app.test_holes import png


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
    happened = page.open_picture(str(tmp_path / "cat.png"), [])
    return happened[page.parts.loaded]


def box(value=255):
    alpha = np.zeros((20, 30), np.uint8)
    alpha[5:10, 5:15] = value
    return png(alpha)


ASKED = ("", 1, "", "auto", 0, 0, "none")


def test_nothing_of_the_page_is_offered_to_programs(page):
    assert len(page.blocks.fns) >= 8
    assert {fn.api_visibility for fn in page.blocks.fns.values()} == {"private"}
    assert page.blocks.get_api_info()["named_endpoints"] == {}
    assert not page.blocks.analytics_enabled


def test_one_fill_runs_at_a_time(page):
    fill = next(fn for fn in page.blocks.fns.values() if fn.name == "fill")
    assert fill.concurrency_limit == 1
    assert page.blocks._queue.max_size == Limits().waiting


def test_a_picture_is_shown_and_its_button_waits_for_a_hole(page, loaded):
    p = page.parts
    assert loaded.picture.size == (20, 30)
    before, after = page.look(loaded, ""), page.look(loaded, box())
    assert not before[p.fill]["interactive"]
    assert "No hole yet" in before[p.status]
    assert after[p.fill]["interactive"]
    assert "cat.png: 30 x 20, RGB" in after[p.status]
    assert "Hole: 8.3%" in after[p.status]


def test_taking_the_picture_away_empties_the_page(page):
    happened = page.open_picture(None, [])
    assert happened[page.parts.loaded] is None
    assert happened[page.parts.painter]["picture"] == ""
    assert not happened[page.parts.fill]["interactive"]


def test_a_mask_file_is_shown_and_counts(page, loaded, tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    mask[2:12, 3:9] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    happened = page.open_mask(loaded, str(tmp_path / "mask.png"), "black")
    given = happened[page.parts.loaded].given
    assert np.array_equal(given, mask == 0)
    url = happened[page.parts.painter]["given"]["url"]
    assert np.array_equal(page._hole(happened[page.parts.loaded], url), given)


def test_the_same_mask_given_twice_is_shown_twice(page, loaded, tmp_path):
    Image.fromarray(np.eye(20, 30, dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    shown = [page.open_mask(loaded, str(tmp_path / "mask.png"), "white")[page.parts.painter] for _ in range(2)]
    assert shown[0]["given"] != shown[1]["given"]


def test_filling_shows_the_result_and_forgets_the_one_before(page, loaded):
    p = page.parts
    first = page.fill(loaded, box(), [], "mean", *ASKED)
    second = page.fill(loaded, box(), first[p.samples], "mean", *ASKED)
    before, after = second[p.compare]
    assert np.array_equal(before, loaded.picture.pixels)
    hole = np.zeros((20, 30), bool)
    hole[5:10, 5:15] = True
    assert np.array_equal(after[~hole], before[~hole])
    assert (after[hole] != before[hole]).any()
    assert not first[p.samples][0].file.exists()
    assert second[p.download] == str(second[p.samples][0].file)
    assert second[p.samples][0].file.exists()
    assert not second[p.gallery]["visible"]


@pytest.mark.parametrize("seed", ["-1", "1.5", "one"])
def test_a_seed_is_a_whole_number(page, loaded, seed):
    with pytest.raises(InlayError, match="whole number from 0, or empty"):
        page.fill(loaded, box(), [], "mean", "", 1, seed, "auto", 0, 0, "none")


def test_mistakes_are_a_line_on_the_page_and_defects_stay_in_the_terminal(gradio, caplog):
    from inlay.app.page import told

    def mistaken():
        raise InlayError("<b>no</b> such thing")

    def broken():
        raise RuntimeError("/home/somebody/secret")

    with pytest.raises(gradio.Error) as shown:
        told(mistaken)()
    assert shown.value.message == "&lt;b&gt;no&lt;/b&gt; such thing"
    with pytest.raises(gradio.Error) as shown:
        told(broken)()
    assert "secret" not in shown.value.message
    assert "secret" in caplog.text


@pytest.mark.stranger("A.4")
def test_names_are_shown_as_text(gradio):
    from inlay.app.layout import says

    told = says(["<img src=x onerror=alert(1)>\x1b[31m\x07\u202e.png"])
    shown = r"&lt;img src=x onerror=alert(1)&gt;\x1b[31m\x07\u202e.png"
    assert told == f'<div role="status"><p>{shown}</p></div>'


@pytest.mark.stranger("A.4")
def test_a_mistake_about_a_hostile_name_is_text(gradio):
    from inlay.app.page import told

    def mistaken():
        raise InlayError("<img src=x onerror=alert(1)>\u202e: no")

    with pytest.raises(gradio.Error) as shown:
        told(mistaken)()
    assert shown.value.message == r"&lt;img src=x onerror=alert(1)&gt;\u202e: no"


@pytest.mark.stranger("A.9")
def test_a_picture_that_takes_too_long_to_open_is_given_up(page, loaded, tmp_path, monkeypatch):
    end = Event()
    monkeypatch.setattr("inlay.app.page.load", lambda *_: end.wait(60))
    monkeypatch.setattr("inlay.app.page.load_mask", lambda *_: end.wait(60))
    monkeypatch.setattr(page._openings, "seconds", 0.01)
    with pytest.raises(InlayError, match=r"Opening the picture took more than 0\.01 seconds.*--seconds"):
        page.open_picture(str(tmp_path / "slow.jpg"), [])
    with pytest.raises(InlayError, match="still being opened"):
        page.open_mask(loaded, str(tmp_path / "slow.png"), "white")
    end.set()
    page._openings._last.result(60)


def test_a_file_that_made_room_for_others_is_asked_for_again(page, loaded, tmp_path):
    with pytest.raises(InlayError, match=r"gone\.png: not kept here any more\. Hand it in again"):
        page.open_mask(loaded, str(tmp_path / "gone.png"), "white")
