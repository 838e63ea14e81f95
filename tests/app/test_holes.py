import base64
import io

import numpy as np
import pytest
from PIL import Image

from inlay.app.holes import full_size, in_preview, painted, preview_size, remarks, shown
from inlay.errors import InlayError


def png(alpha, mode="RGBA"):
    """As a browser writes a canvas."""
    pixels = np.zeros((*alpha.shape, 4), np.uint8)
    pixels[..., 0], pixels[..., 3] = 255, alpha
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def test_a_preview_is_no_larger_than_the_picture_and_keeps_its_shape():
    assert preview_size((300, 451)) == (300, 451)
    assert preview_size((4000, 6400)) == (800, 1280)
    assert preview_size((1, 6400)) == (1, 1280)


def test_painted_is_where_a_pixel_is_more_opaque_than_not():
    alpha = np.array([[0, 127, 128], [255, 1, 200]], np.uint8)
    assert painted(png(alpha), (2, 3)).tolist() == [[False, False, True], [True, False, True]]


def test_nothing_painted_is_no_hole():
    assert not painted("", (4, 5)).any()
    assert painted("", (4, 5)).shape == (4, 5)


@pytest.mark.parametrize(
    "url",
    [
        png(np.zeros((3, 3), np.uint8)),  # of another picture
        png(np.zeros((2, 3), np.uint8), "RGB"),
        "data:image/png;base64,AAAA",
        "data:image/png;base64,%%%",
        "file:///etc/passwd",
        "data:image/svg+xml,<svg/>",
    ],
)
def test_what_no_canvas_writes_is_refused(url):
    with pytest.raises(InlayError, match=r"What was painted cannot be read .* Load the picture again"):
        painted(url, (2, 3))


def test_a_mask_that_is_shown_reads_as_itself(rng):
    hole = rng.random((17, 23)) > 0.5
    assert np.array_equal(painted(shown(hole), (17, 23)), hole)


def test_the_hole_grows_to_the_size_of_the_picture_pixel_by_pixel(rng):
    seen = rng.random((5, 7)) > 0.5
    assert np.array_equal(full_size(seen, (15, 21)), np.kron(seen, np.ones((3, 3), bool)))


@pytest.fixture
def given():
    """A scratch and a box in a picture whose preview is half as large."""
    given = np.zeros((2000, 2560), bool)
    given[17, :] = True
    given[1000:1400, 301:700] = True
    return given


def test_a_preview_hides_nothing_of_a_mask(given):
    blocks = given.reshape(1000, 2, 1280, 2)
    assert np.array_equal(in_preview(given), blocks.any(axis=(1, 3)))
    assert np.array_equal(in_preview(given[:20, :30]), given[:20, :30])


def test_a_given_mask_keeps_what_its_preview_cannot_show(given):
    assert np.array_equal(full_size(in_preview(given), given.shape, given), given)


def test_what_is_painted_over_a_given_mask_counts(given):
    seen = in_preview(given)
    seen[500:700, 150:350] = False  # the box is erased, its odd edge too
    seen[900, 30] = True
    expected = np.zeros_like(given)
    expected[17, :] = True
    expected[1800:1802, 60:62] = True
    assert np.array_equal(full_size(seen, given.shape, given), expected)


def test_remarks():
    hole = np.zeros((10, 10), bool)
    assert remarks(hole)[0].startswith("No hole yet")
    hole[:3, :4] = True
    assert remarks(hole) == ["Hole: 12.0% of the picture."]
    hole[1:] = True
    assert remarks(hole)[0] == "Hole: 94.0% of the picture."
    assert "press Invert" in remarks(hole)[1]
    assert "Nothing is left" in remarks(np.ones((3, 3), bool))[1]


def test_a_small_hole_is_odd_in_a_file_alone():
    hole = np.zeros((10, 10), bool)
    hole[0, 0] = True
    assert len(remarks(hole)) == 1
    assert "press Invert" in remarks(hole, from_file=True)[1]
