"""The page that a checkpoint becomes, in a real browser."""

import functools
import http.server
import shutil
import threading

import cv2
import numpy as np
import onnx
import pytest

import inlay
from inlay.errors import InlayError
from inlay.export import page
from inlay.export.page import RUNTIME, export_page, runtime_files
from inlay.models import MobileUNet
from tests.app.test_browser import CHROMIUM, browser
from tests.export.test_onnx import checkpoint, tdanet

__all__ = ["browser"]  # a fixture
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
SETTINGS = {"channels": [16, 32, 64], "rates": [1, 2]}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mobile")
    return checkpoint(folder / "last.ckpt", MobileUNet(**SETTINGS), {"_target_": "inlay.models.MobileUNet", **SETTINGS})


@pytest.fixture(scope="module")
def fake_runtime(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runtime")
    for name in page._RUNTIME_FILES:
        (folder / name).write_text(name)
    return folder


@pytest.fixture(scope="module")
def served(source, tmp_path_factory):
    if shutil.which("npm") is None:
        pytest.skip(f"needs npm to get {RUNTIME}")
    folder = tmp_path_factory.mktemp("served") / "page"
    try:
        export_page(source, folder)
    except InlayError as error:
        pytest.skip(f"needs the npm registry: {error}")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def scene(folder, height, width):
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (6, 8, 3), np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : height // 2, width // 4 : width // 2] = 255
    for name, pixels in (("picture", picture), ("mask", mask)):
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    return picture, mask


@pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium on the PATH to look at the page")
@pytest.mark.parametrize("size", [(75, 90), (400, 500)], ids=["as it is", "from a smaller copy"])
def test_the_page_fills_as_predict_does_and_leaves_known_pixels_alone(browser, served, source, tmp_path, size):
    picture, mask = scene(tmp_path, *size)
    visit, elsewhere, errors = browser.new_page(), [], []
    visit.on("request", lambda asked: elsewhere.append(asked.url))
    visit.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    visit.on("pageerror", lambda error: errors.append(str(error)))
    visit.goto(served)
    visit.get_by_text("or drop one here").wait_for()
    visit.set_input_files("#picture", tmp_path / "picture.png")
    visit.wait_for_selector("#mask:enabled", state="attached")
    visit.set_input_files("#mask", tmp_path / "mask.png")
    visit.click("#fill:enabled")
    visit.wait_for_selector("#download[href]")
    with visit.expect_download() as download:
        visit.click("#download")
    download.value.save_as(tmp_path / "page.png")
    found = cv2.imread(str(tmp_path / "page.png")).astype(int)
    assert download.value.suggested_filename == "picture_filled.png"
    assert np.array_equal(found[mask == 0], picture[mask == 0])
    assert (found[mask > 0] != picture[mask > 0]).mean() > 0.5
    if size == (75, 90):  # larger ones are shown another window than by predict.py
        expected = np.asarray(inlay.load(str(source)).fill(picture[..., ::-1].copy(), mask > 0))[..., ::-1].astype(int)
        assert np.abs(found - expected)[mask > 0].max() <= 2
    assert errors == []
    assert [url for url in elsewhere if not url.startswith((served, "blob:"))] == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium on the PATH to look at the page")
def test_a_stroke_is_drawn_undone_and_filled(browser, served, tmp_path):
    scene(tmp_path, 75, 90)
    visit = browser.new_page()
    visit.goto(served)
    visit.set_input_files("#picture", tmp_path / "picture.png")
    visit.wait_for_selector("#stage:visible")
    assert not visit.is_enabled("#fill")
    corner = visit.locator("#paint").bounding_box()
    for undo in (True, False):
        visit.mouse.move(corner["x"] + 20, corner["y"] + 30)
        visit.mouse.down()
        visit.mouse.move(corner["x"] + 60, corner["y"] + 40)
        visit.mouse.up()
        visit.wait_for_selector("#fill:enabled")
        if undo:
            visit.click("#undo")
            assert not visit.is_enabled("#fill")
    visit.click("#fill")
    visit.wait_for_selector("#download[href]")


def test_weights_are_halves_and_small(source, fake_runtime, tmp_path):
    files = export_page(source, tmp_path / "page", fake_runtime)
    assert {"index.html", "model.onnx", "README.md", "worker.js"} <= {file.name for file in files}
    model = onnx.load(tmp_path / "page/model.onnx")
    onnx.checker.check_model(model, full_check=True)
    kinds = {weight.data_type for weight in model.graph.initializer if np.prod(weight.dims) >= 256}
    assert kinds == {onnx.TensorProto.FLOAT16}


def test_the_small_network_fits_a_phone(fake_runtime, tmp_path):
    source = checkpoint(tmp_path / "last.ckpt", MobileUNet(), {"_target_": "inlay.models.MobileUNet"})
    export_page(source, tmp_path / "page", fake_runtime)
    assert (tmp_path / "page/model.onnx").stat().st_size <= page.LARGE


class TestRefusals:
    def test_folders_that_are_no_runtime_and_no_npm(self, tmp_path, monkeypatch):
        with pytest.raises(InlayError, match=f"--runtime .*{RUNTIME}/dist"):
            runtime_files(tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InlayError, match=r"no npm.*--runtime FOLDER"):
            runtime_files(None)

    def test_an_npm_that_fails(self, tmp_path, monkeypatch):
        (tmp_path / "npm").write_text("#!/bin/sh\necho no such host >&2\nexit 1\n")
        (tmp_path / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with pytest.raises(InlayError, match=r"npm could not install .*no such host.*--runtime FOLDER"):
            runtime_files(None)

    def test_what_a_page_cannot_give(self, tmp_path, fake_runtime):
        with pytest.raises(InlayError, match="more than a picture and its hole"):
            export_page(tdanet(tmp_path), tmp_path / "page", fake_runtime)
        assert not (tmp_path / "page").exists()
