import numpy as np
import pytest

from inlay.app.masks import decode_runs, encode_runs, remarks
from inlay.errors import InlayError


def test_runs_are_read_row_by_row_from_the_top_left_and_none_are_no_hole():
    assert decode_runs("2 3 1", (2, 3)).tolist() == [[False, False, True], [True, True, False]]
    assert decode_runs("0 1 5", (2, 3)).tolist() == [[True, False, False], [False, False, False]]
    assert not decode_runs("", (4, 5)).any()
    assert (decode_runs("", (4, 5)).shape, encode_runs(np.zeros((4, 5), bool))) == ((4, 5), "")


@pytest.mark.parametrize("runs", ["5", "7", "-1 7", "3 1 1", "a b", "1e3", "9" * 40, "data:image/png,AAAA", "0x6"])
def test_what_no_painter_writes_is_refused(runs):
    with pytest.raises(InlayError, match="Load the picture again"):
        decode_runs(runs, (2, 3))


@pytest.mark.stranger("17.B.3")
@pytest.mark.parametrize("first", [False, True])
def test_a_hole_is_shown_and_read_to_the_pixel_and_noise_is_refused(rng, first, monkeypatch):
    hole = rng.random((17, 23)) > 0.5
    hole[0, 0] = first
    assert np.array_equal(decode_runs(encode_runs(hole), hole.shape), hole)
    monkeypatch.setattr("inlay.app.masks.MOST_RUNS", 100)
    with pytest.raises(InlayError, match=r"the page takes 100\. Make it smoother"):
        encode_runs(hole)


@pytest.mark.parametrize(
    ("count", "from_file", "said"),
    [
        (0, False, ["No hole yet"]),
        (12, False, ["Hole: 12.0% of the picture, 12 pixels."]),
        (94, False, ["Hole: 94.0% of the picture, 94 pixels.", "press Invert"]),
        (100, False, ["Hole: 100.0%", "Nothing is left"]),
        (1, False, ["Hole: 1.0% of the picture, 1 pixel."]),
        (1, True, ["Hole: 1.0%", "press Invert"]),  # odd in a file alone
    ],
)
def test_remarks(count, from_file, said):
    found = remarks(np.arange(100).reshape(10, 10) < count, from_file)
    assert [part in line for part, line in zip(said, found, strict=True)] == [True] * len(said)
