import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from inlay.app.room import Room
from inlay.app.views import view_of
from inlay.images import Metadata, Picture


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path, 1e9)


def opened(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_a_small_copy_keeps_its_shape_and_a_small_picture_is_its_own_and_needs_no_file(room, tmp_path):
    view = view_of(Picture(np.full((4, 6, 3), 90, np.uint8)), room)
    assert view.full is None
    assert (view.sent()["full"], opened(view.sent()["small"]).size) == ("", (6, 4))
    assert list(tmp_path.iterdir()) == []
    for size, small in (((300, 451), (300, 451)), ((400, 6400), (80, 1280)), ((1, 6400), (1, 1280))):
        assert view_of(Picture(np.zeros((*size, 3), np.uint8)), room).small.shape[:2] == small


@pytest.mark.stranger("17.B.3")
def test_a_large_picture_is_shown_with_every_pixel_to_whoever_looks_closer(room, tmp_path):
    pixels = np.zeros((1000, 2560, 1), np.uint16)
    pixels[:, 1280:] = 65535
    view = view_of(Picture(pixels), room)
    assert view.small.shape == (500, 1280, 3)
    assert np.array_equal(view.small, np.where(np.arange(1280)[:, None] < 640, 0, [255] * 3)[None].repeat(500, 0))
    with Image.open(view.full) as full:
        assert full.size == (2560, 1000)
    assert view.sent()["full"] == f"gradio_api/file={view.full}"
    assert len(view.full.parent.name) > 20  # nobody guesses it
    view.forget()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.stranger("17.B.3")
def test_what_is_transparent_shows_white_and_colors_by_their_profile(room):
    pixels = np.full((4, 6, 4), (100, 100, 100, 255), np.uint8)
    pixels[0, 0, 3] = 0
    small = view_of(Picture(pixels), room).small
    assert (small[0, 0].tolist(), np.unique(small[1:]).tolist()) == ([255] * 3, [100])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colors = Picture(np.full((4, 6, 3), 90, np.uint8), metadata=Metadata(icc=profile))
    gray = replace(colors, pixels=colors.pixels[..., :1])
    assert opened(view_of(colors, room).sent()["small"]).info["icc_profile"] == profile
    assert "icc_profile" not in opened(view_of(gray, room).sent()["small"]).info
