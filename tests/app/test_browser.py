"""The page as a visitor has it: a server of its own, a real browser, mouse and keyboard."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from inlay.images import read_picture
from tests.app.test_server import ask
from tests.conftest import ROOT
from tests.fillers.test_network import write_checkpoint
from tests.pictures import write_mask

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium on the PATH to look at the page"),
    pytest.mark.xdist_group("browser"),
]
PICTURE, FILL = "#inlay-picture input[type=file]", "#inlay-fill"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    model = write_checkpoint(tmp_path_factory.mktemp("server") / "last.ckpt")
    with serving("--model", "telea", "--model", str(model), TMPDIR=model.parent) as (url, _):
        yield url


@contextmanager
def serving(*options, **environment):
    """A server on a port of its own; its address, its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "inlay", "app", *options, "--port", port, "--device", "cpu"]
    env = os.environ | {"OMP_NUM_THREADS": "1"} | {key: str(value) for key, value in environment.items()}
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **both, text=True, cwd=ROOT, env=env) as app:
        try:
            said = []
            while not (said and "Inlay is at" in said[-1]):
                said.append(app.stdout.readline())
                assert said[-1], "".join(said)
            yield re.search(r"http://127\.0\.0\.1:\d+/", said[-1]).group(), app
        finally:
            app.terminate()
            app.communicate(timeout=60)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive a browser")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Opens the page; at the end, nothing was asked of another host and the console has no errors."""
    elsewhere, errors, pages = [], [], []

    def asked(request):
        if not request.url.startswith((address, "data:", "blob:")):
            elsewhere.append(request.url)

    def visiting(path=None, width=1280, **options):
        page = browser.new_page(viewport={"width": width, "height": 860}, **options)
        page.set_default_timeout(90_000)
        pages.append(page)
        page.on("request", asked)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector(FILL)
        if path:
            load(page, path)
        return page

    yield visiting
    for page in pages:
        page.close()
    assert (elsewhere, errors) == ([], [])


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("photograph") / "astronaut.png"
    Image.fromarray(data.astronaut()).resize((1600, 1600)).save(path, dpi=(300, 300))
    return path


@pytest.fixture
def small(tmp_path):
    Image.fromarray(data.astronaut()[::8, ::8]).save(tmp_path / "small.png")
    return tmp_path / "small.png"


def load(page, path):
    page.set_input_files(PICTURE, path)
    page.wait_for_selector("#inlay-painter canvas", state="visible")
    status(page, "No hole yet")


def status(page, text):
    page.wait_for_function("text => document.body.innerText.includes(text)", arg=text)


def fill(page, press=None):
    page.wait_for_selector(f"{FILL}:not([disabled])")
    press() if press else page.click(FILL)
    page.wait_for_selector("#inlay-compare .stage", state="visible")
    page.wait_for_selector("#inlay-keep", state="visible")


def drag(page, start, *stops):
    seen = page.locator("#inlay-painter .stage img").first.bounding_box()
    places = [(seen["x"] + x * seen["width"], seen["y"] + y * seen["height"]) for x, y in (start, *stops)]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def download(page, folder, button="#inlay-keep"):
    with page.expect_download() as started:
        page.click(button)
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_load_paint_fill_compare_download(visit, photograph, tmp_path):
    page = visit()
    assert page.is_disabled(FILL)
    load(page, photograph)
    assert page.is_disabled(FILL)
    drag(page, (0.3, 0.3), (0.4, 0.3), (0.4, 0.4))
    fill(page)
    assert page.locator("#inlay-compare img").count() == 2
    page.locator("#inlay-compare [name=wipe]").fill("50")
    path = download(page, tmp_path)
    assert path.name == "astronaut_filled.png"
    given, result = read_picture(photograph), read_picture(path)
    assert (result.pixels.shape, result.metadata) == ((1600, 1600, 3), given.metadata)
    changed = np.argwhere((result.pixels != given.pixels).any(axis=2)) / 1600
    brush = 0.08 / 2 + 0.005
    assert len(changed) > 1600 * 1600 * 0.01
    assert 0.3 - brush < changed.min() < changed.max() < 0.4 + brush
    mask = read_picture(download(page, tmp_path, "#inlay-keep-mask")).pixels[..., 0] > 0
    assert np.array_equal(result.pixels[~mask], given.pixels[~mask])


def test_brush_eraser_box_undo_redo_invert_and_clear(visit, photograph):
    page = visit(photograph)
    page.locator("#inlay-painter label", has_text="Box").click()
    drag(page, (0.25, 0.25), (0.75, 0.75))
    status(page, "Hole: 25.")
    page.locator("#inlay-painter label", has_text="Eraser").click()
    drag(page, (0.3, 0.5), (0.7, 0.5))
    page.wait_for_function("!document.body.innerText.includes('Hole: 25.')")
    erased = float(re.search(r"Hole: ([\d.]+)%", page.inner_text("body")).group(1))
    assert 25 - 0.08 * 50 - 1 < erased < 25 - 0.08 * 40 + 1
    page.get_by_role("button", name="Undo").click()
    status(page, "Hole: 25.")
    page.get_by_role("button", name="Redo").click()
    status(page, f"Hole: {erased}%")
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Invert").click()
    page.wait_for_function("/Hole: 7[45]\\./.test(document.body.innerText)")
    page.get_by_role("button", name="Clear", exact=True).last.click()
    status(page, "No hole yet")
    assert page.is_disabled(FILL)


@pytest.mark.stranger("17.B.3")
def test_a_box_of_a_40_megapixel_picture_is_exact_filled_gone_on_from_and_undone(visit, tmp_path):
    vast = tmp_path / "vast.bmp"  # read and written at once
    Image.fromarray(data.astronaut()).convert("L").resize((7746, 5164)).save(vast)
    page = visit(vast)
    stage = page.locator("#inlay-painter .stage").bounding_box()
    page.mouse.move(stage["x"] + stage["width"] * 0.6, stage["y"] + stage["height"] * 0.3)
    for _ in range(60):
        page.mouse.wheel(0, -200)
    page.wait_for_function("document.querySelector('#inlay-painter .percent').value === '3200%'")
    page.wait_for_function("document.querySelectorAll('#inlay-painter .stage img').length === 2")  # every pixel of it
    page.keyboard.press("r")
    page.mouse.move(stage["x"] + 200.5, stage["y"] + 150.5)
    page.mouse.down()
    page.mouse.move(stage["x"] + 200.5 + 5 * 32, stage["y"] + 150.5 + 3 * 32, steps=3)
    page.mouse.up()
    status(page, "15 pixels.")
    left, top = (int(page.input_value(f"#inlay-painter [name={name}]")) for name in "xy")
    fill(page)
    given, result = read_picture(vast).pixels, read_picture(download(page, tmp_path)).pixels
    changed = np.argwhere((result != given).any(axis=2))
    assert (changed.min(axis=0) >= (top, left)).all()
    assert (changed.max(axis=0) < (top + 3, left + 5)).all()
    page.click("#inlay-go-on")
    status(page, "No hole yet")
    assert page.inner_text("#inlay-painter .percent") == "3200%"  # it stays where one works
    page.keyboard.press("Control+z")
    status(page, "15 pixels.")
    page.keyboard.press("Control+Shift+z")
    status(page, "No hole yet")


@pytest.mark.stranger("17.B.3")
def test_zoom_and_pan_with_keys_and_fingers_and_the_size_of_the_brush(visit, photograph):
    page = visit(photograph, has_touch=True)

    def percent():
        return int(page.inner_text("#inlay-painter .percent").rstrip("%"))

    fit = percent()
    page.keyboard.press("+")
    assert percent() > fit
    page.keyboard.press("1")
    assert percent() == 100
    before = page.locator("#inlay-painter .stage img").first.bounding_box()
    page.focus("#inlay-painter .stage")
    page.keyboard.press("ArrowRight")
    assert page.locator("#inlay-painter .stage img").first.bounding_box()["x"] == before["x"] - 40
    size = "#inlay-painter .size output"
    small = int(page.inner_text(size).removesuffix(" px"))
    page.keyboard.press("]")
    assert int(page.inner_text(size).removesuffix(" px")) > small
    page.keyboard.press("[")
    page.keyboard.press("[")
    assert int(page.inner_text(size).removesuffix(" px")) < small
    page.keyboard.press("0")
    assert percent() == fit
    pinch(page, 60, 180)
    assert percent() == pytest.approx(3 * fit, rel=0.1)
    status(page, "No hole yet")
    for _ in range(40):
        page.keyboard.press("[")
    page.locator("#inlay-painter .stage").click()
    status(page, ", 1 pixel.")


def pinch(page, near, far):
    """Two fingers, from one distance to another, around the middle of the picture."""
    stage = page.locator("#inlay-painter .stage").bounding_box()
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind, distance):
        points = [{"x": x + way * distance / 2, "y": y, "id": way} for way in (-1, 1)] if distance else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", near)
    for distance in np.linspace(near, far, 8):
        fingers("touchMove", float(distance))
    fingers("touchEnd", 0)


@pytest.mark.stranger("17.B.2")
def test_two_models_are_compared_on_one_hole(visit, small):
    page = visit(small)
    drag(page, (0.3, 0.3), (0.4, 0.3))
    page.get_by_label("Compare with").click()
    page.get_by_role("option", name="last").last.click()
    fill(page)
    assert page.locator("#inlay-compare .stage").count() == 2
    page.locator("#inlay-compare label", has_text="last").click()
    status(page, "last: it saw")
    page.click("#inlay-go-on")
    status(page, "No hole yet")


def test_a_mask_file_and_its_polarity_and_a_picture_from_the_clipboard_in_the_place_of_the_one_before(
    visit, photograph, tmp_path
):
    write_mask(tmp_path / "mask.png", np.arange(1600)[:, None].repeat(1600, 1) < 400)
    page = visit(photograph)
    page.get_by_role("button", name="Mask file").click()
    page.locator("#inlay-mask input[type=file]").set_input_files(tmp_path / "mask.png")
    status(page, "Hole: 25.0%")
    page.get_by_label("black").check()
    status(page, "Hole: 75.0%")
    page.evaluate("""async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 60, height: 40 });
        const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([blob], "pasted.png", { type: "image/png" }));
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }""")
    status(page, "pasted.png: 60 x 40")


def test_the_text_is_asked_for_where_the_model_takes_one(visit, small):
    page = visit()
    assert not page.get_by_label("Text").is_visible()
    page.get_by_label("Model").click()
    page.get_by_role("option", name="last").first.click()
    page.get_by_label("Text").press_sequentially("a red xylophone")
    status(page, "never learned these words and cannot tell them apart: ")
    load(page, small)
    drag(page, (0.3, 0.3), (0.4, 0.3))
    page.get_by_label("number input for Variations").fill("2")
    page.get_by_label("number input for Variations").press("Enter")
    fill(page)
    status(page, "seed 0")
    page.locator("#inlay-samples button").nth(1).click()
    status(page, "seed 1: it saw")


def test_a_visit_with_the_keyboard_alone(visit, photograph, tmp_path):
    page = visit()

    def to(place):
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("place => document.activeElement.matches(place)", place):
                return
        raise AssertionError(f"Tab never comes to {place}")

    to("#inlay-picture button")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(photograph)
    page.wait_for_selector("#inlay-painter canvas", state="visible")
    to("#inlay-painter .stage")
    page.keyboard.press("+")
    to("#inlay-painter [name=x]")
    for number in ("200", "300", "160", "160"):
        page.keyboard.type(number)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    status(page, "Hole: 1.0%")

    def press():
        to(FILL)
        page.keyboard.press("Enter")

    fill(page, press)


def test_a_phone_shows_all_of_it(visit, photograph):
    page = visit(width=390, has_touch=True)
    fits = "document.documentElement.scrollWidth <= window.innerWidth"
    assert page.evaluate(fits)
    load(page, photograph)
    drag(page, (0.3, 0.3), (0.5, 0.5))
    status(page, "Hole: ")
    assert page.evaluate(fits)
    fill(page)
    assert page.evaluate(fits)
    assert page.locator("#inlay-compare").bounding_box()["width"] <= 390


def test_a_file_that_is_no_picture_is_a_line_on_the_page(visit, tmp_path):
    (tmp_path / "cat.png").write_text("<svg/>")
    page = visit()
    page.set_input_files(PICTURE, tmp_path / "cat.png")
    status(page, "cat.png: not a picture")
    assert not any(word in page.inner_text("body") for word in (str(tmp_path), "Traceback"))


@pytest.mark.stranger("17.B.3")
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../../../etc/passwd", str(ROOT / "pyproject.toml"), ".", "http://127.0.0.1/"]
)
def test_files_of_the_machine_and_what_the_page_does_not_need_are_closed(address, path):
    assert ask(f"{address}gradio_api/file={path}")[0] in (403, 404)
    for closed in ("gradio_api/info", "docs", "monitoring", "gradio_api/call/open_picture"):
        assert ask(address + closed)[0] == 404
    assert ask(f"{address}gradio_api/upload", {"files": 1}, Origin="https://attacker.example")[0] == 403


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "docs/filled.jpg"), "http://127.0.0.1:9/cat.png"])
def test_a_path_or_an_address_is_not_taken_for_an_upload(address, path):
    config = json.loads(ask(f"{address}config")[2])
    number = next(d["id"] for d in config["dependencies"] if "upload" in [event for _, event in d["targets"]])
    file = {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "cat.jpg"}
    body = {"data": [file, None, None], "fn_index": number, "session_hash": "abc"}
    assert ask(f"{address}gradio_api/queue/join", body, Content_Type="application/json")[0] == 200
    said = ask(f"{address}gradio_api/queue/data?session_hash=abc")[2]
    completed = next(json.loads(line[5:]) for line in said.splitlines() if "process_completed" in line)
    assert not completed["success"]
    assert not any(word in said for word in ("root:", "JFIF"))


def test_a_server_that_is_ended_leaves_nothing(tmp_path):
    with serving("--model", "mean", TMPDIR=tmp_path) as (url, app):
        body = b"--x\r\nContent-Disposition: form-data; name=files; filename=a.png\r\n\r\nabc\r\n--x--\r\n"
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        asked = urllib.request.Request(f"{url}gradio_api/upload", body, form)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert Path(json.loads(answer.read())[0]).is_relative_to(tmp_path)
        app.send_signal(signal.SIGTERM)
        assert (app.wait(60), list(tmp_path.iterdir())) == (0, [])
