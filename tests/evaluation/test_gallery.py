import base64
import io
import math

import numpy as np
import pytest
from PIL import Image

from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.gallery import SIDE, SMALL, gallery
from inlay.images import read_image
from tests.evaluation.examples import FILLERS, MODEL, results, rows, write_pictures


@pytest.fixture
def folder(tmp_path):
    folder = EvalFolder(tmp_path)
    write_pictures(folder)
    return folder


def pixels(tile):
    kind, data = tile.source.split(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{picture.format.lower()}"
    return np.asarray(picture)


def test_best_median_and_worst_are_chosen_by_the_error_in_the_hole(folder):
    shown = gallery(results(), rows(), folder)
    assert list(shown) == list(FILLERS)
    # errors of the cases (0 small, 0 large, 1 small, 1 large): of four the second is the median
    chosen = {name: [(strip.choices, strip.id, strip.hole) for strip in strips] for name, strips in shown.items()}
    cat, dog = "pictures/cat.jpg", "pictures/dog.jpg"
    assert chosen["mean"] == [(["best"], cat, "small"), (["median"], cat, "large"), (["worst"], dog, "small")]
    # Between equal errors the first picture decides: two best ones, two worst ones; holes of a picture by name.
    assert chosen[MODEL] == [(["best"], cat, "large"), (["median"], cat, "small"), (["worst"], dog, "small")]
    assert chosen["telea"] == [(["best"], dog, "large"), (["median"], cat, "small"), (["worst"], dog, "small")]


def test_a_strip_holds_the_masked_picture_every_answer_and_the_truth(folder):
    strip = gallery(results(), rows(), folder)["telea"][0]  # picture 1, the hole of three quarters
    masked, *answers, original = strip.tiles
    assert [tile.name for tile in strip.tiles] == ["masked", *FILLERS, "original"]
    assert [tile.own for tile in strip.tiles] == [False, False, True, False, False]
    assert [tile.filled for tile in strip.tiles] == [False, True, True, True, False]
    assert (pixels(masked) == np.repeat([255, 100], (12, 4))[:, None, None]).all()
    assert [int(pixels(tile)[0, 0, 0]) for tile in answers] == [110, 120, 130]
    assert (pixels(original) == 100).all()
    assert strip.ratio == 0.45
    assert [tile.psnr for tile in strip.tiles] == ["", f"{10 * math.log10(1 / 0.028):.2f} dB", "exact", "20.00 dB", ""]


def test_missing_and_damaged_files_are_shown_as_missing(folder):
    folder.filled(MODEL, 1, "large").unlink()
    folder.filled("mean", 1, "large").write_bytes(b"")
    folder.mask(1, "large").unlink()
    strip = gallery(results(), rows(), folder)["telea"][0]
    assert [tile.source is None for tile in strip.tiles] == [True, True, False, True, False]
    folder.original(1).unlink()
    strip = gallery(results(), rows(), folder)["telea"][0]
    assert [tile.source is None for tile in strip.tiles] == [True, True, False, True, True]


def test_few_cases_are_shown_once_and_without_any_there_is_nothing(folder):
    one = [row for row in rows() if row["picture"] == 0 and row["hole"] == "small"]
    assert [strip.choices for strip in gallery(results(), one, folder)["mean"]] == [["best", "median", "worst"]]
    two = [row for row in rows() if row["picture"] == 0]
    assert [strip.choices for strip in gallery(results(), two, folder)["mean"]] == [["best", "median"], ["worst"]]
    without = [{**row, "mse_hole": None} for row in one]
    assert gallery(results(), without, folder) == {name: [] for name in FILLERS}


def test_small_pictures_keep_every_pixel_and_large_ones_are_shrunk_to_jpeg(tmp_path):
    folder = EvalFolder(tmp_path)
    write_pictures(folder, side=SMALL)
    original = gallery(results(), rows(), folder)["mean"][0].tiles[-1]
    assert original.source.startswith("data:image/png")
    np.testing.assert_array_equal(pixels(original), read_image(folder.original(0)))
    write_pictures(folder, side=2 * SIDE)
    masked, *_, original = gallery(results(), rows(), folder)["mean"][0].tiles
    assert original.source.startswith("data:image/jpeg")
    assert (*pixels(original).shape, original.width, original.height) == (SIDE, SIDE, 3, SIDE, SIDE)
    assert abs(pixels(masked)[:100].astype(int) - 255).max() <= 3
    assert abs(pixels(original).astype(int) - 100).max() <= 3
