import numpy as np
import pytest
import torch
from PIL import Image

from inlay.errors import InlayError
from inlay.images import Picture, write_picture
from inlay.pipeline.conversions import to_picture
from tests.pictures import picture

BLACK = np.pad(np.ones((4, 5), bool), ((5, 11), (6, 19)))


def blackened(form):
    """What comes back of a form when five by four pixels are painted black."""
    given, back = to_picture(form)
    return back(Picture(given.pixels * ~BLACK[..., None]))


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3), (20, 30, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
def test_an_array_comes_back_as_it_was_but_for_what_was_painted(shape, dtype, rng):
    given = rng.random(shape) if np.issubdtype(dtype, np.floating) else rng.integers(1, 256, shape)
    given = given.astype(dtype)
    before = given.copy()
    filled = blackened(given)
    assert (filled.shape, filled.dtype) == (given.shape, given.dtype)
    assert np.array_equal(filled[~BLACK], given[~BLACK])
    assert (filled[BLACK] == 0).all()
    assert np.array_equal(given, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.uint8])
def test_a_tensor_comes_back_as_one(dtype):
    given = (torch.rand(3, 20, 30) * (255 if dtype == torch.uint8 else 1)).to(dtype)
    filled = blackened(given)
    assert (filled.shape, filled.dtype, filled.device) == (given.shape, given.dtype, given.device)
    known = torch.from_numpy(~BLACK)
    assert torch.equal(filled[:, known], given[:, known])
    assert (filled[:, ~known] == 0).all()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_an_image_and_a_path_come_back_as_an_image_of_that_mode(mode, tmp_path):
    given = Image.fromarray(picture(mode).pixels.squeeze())
    write_picture(tmp_path / "in.png", picture(mode))
    for form in (given, tmp_path / "in.png", str(tmp_path / "in.png")):
        filled = blackened(form)
        assert (filled.mode, filled.size) == (mode, given.size)
        assert np.array_equal(np.asarray(filled)[~BLACK], np.asarray(given)[~BLACK])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros((3, 20, 30, 3)), r"an array must be \(H, W\) or \(H, W, C\) with 1 to 4 channels"),
        (np.zeros((20, 30, 5)), "with 1 to 4 channels"),
        (np.zeros((0, 30, 3)), r"got \(0, 30, 3\)"),
        (torch.zeros(20, 30), r"a tensor must be \(C, H, W\)"),
        (np.full((4, 4), 200.0), r"floats must be from 0 to 1, got 200 to 200\. Divide by 255\?"),
        (np.full((4, 4), np.inf), "floats must be from 0 to 1, got inf to inf"),
        (torch.zeros(3, 0, 4), r"got \(0, 4, 3\)"),
        (np.zeros((4, 4), np.int64), "uint8, uint16 or floats from 0 to 1, got int64"),
        ([1, 2], "must be a path, a PIL image, an array or a tensor, got list"),
    ],
    ids=["four", "five", "empty", "flat", "bytes", "infinite", "no tensor", "int64", "list"],
)
def test_what_is_no_picture_or_not_to_be_held_by_pillow_is_refused(given, says, tmp_path):
    with pytest.raises(InlayError, match=says):
        to_picture(given)
    write_picture(tmp_path / "in.png", picture("RGB16"))
    with pytest.raises(InlayError, match="RGB16"):
        to_picture(tmp_path / "in.png")


def test_nan_in_the_hole_is_no_mistake(rng):
    given = np.where(BLACK[..., None], np.nan, rng.random((20, 30, 3)))
    assert np.array_equal(blackened(given)[~BLACK], given[~BLACK])
