from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inlay.app.limits import Limits
from inlay.app.pictures import Patch, load, load_mask, own_format, save
from inlay.app.room import Room
from inlay.errors import InlayError
from inlay.images import Picture, read_picture
from tests.pictures import picture, write_mask


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path / "room", 1e9)


@pytest.fixture
def photograph(tmp_path, rng):
    pixels = rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


@pytest.fixture
def loaded(photograph, room):
    return load(str(photograph), Limits(), room)


def painted_over(picture, *box, color=7):
    pixels = picture.pixels.copy()
    pixels[box] = color
    after = Picture(pixels)
    return after, Patch.between(picture, after)


FAULTS = [({"pixels": 1199}, "1,199 pixels"), ({"megabytes": 1e-3}, "megabytes"), ({}, "not a picture")]


@pytest.mark.parametrize(("limit", "reason"), FAULTS)
@pytest.mark.stranger("17.A.8")
def test_what_is_refused_is_not_said_to_lie_anywhere(photograph, room, limit, reason):
    loaded = load(str(photograph), Limits(), room)
    assert (loaded.name, loaded.mask) == ("cat.png", None)
    assert np.array_equal(loaded.picture.pixels, np.asarray(Image.open(photograph)))
    with pytest.raises(InlayError, match=r"^cat\.png: a photograph rather than a mask: .* Hand in the mask"):
        load_mask(str(photograph), (30, 40), "white", Limits())
    if not limit:
        photograph.write_text("<svg/>")
    path, limits = str(photograph), Limits(**limit)
    for read in (lambda: load(path, limits, room), lambda: load_mask(path, (3, 4), "white", limits)):
        with pytest.raises(InlayError, match=rf"^cat\.png: .*{reason}") as refused:
            read()
        assert str(photograph.parent) not in str(refused.value)


@pytest.mark.stranger("17.A.8")
def test_a_mask_fits_its_picture_and_is_turned_as_it_was(tmp_path):
    mask = np.arange(20)[None].repeat(10, 0) < 5
    path = str(write_mask(tmp_path / "mask.png", mask))
    hole, said = load_mask(path, (10, 20), "white", Limits())
    assert np.array_equal(hole, mask)
    assert said == []
    larger, said = load_mask(path, (20, 40), "black", Limits())
    assert np.array_equal(larger, np.kron(~mask, np.ones((2, 2), bool)))
    assert said == ["The mask is 20x10; resized to the picture's 40x20."]
    assert "stretched" in load_mask(path, (20, 20), "white", Limits())[1][1]
    hole, said = load_mask(path, (20, 10), "white", Limits(), turned=6)  # a quarter to the right
    assert np.array_equal(hole, np.rot90(mask, -1))
    assert "EXIF orientation" in said[0]


def test_a_patch_is_the_box_that_differs(loaded):
    after, patch = painted_over(loaded.picture, slice(3, 8), slice(10, 12))
    assert (patch.top, patch.left, patch.after.shape) == (3, 10, (5, 2, 3))
    assert np.array_equal(patch.apply(loaded.picture).pixels, after.pixels)
    assert np.array_equal(patch.apply(after, undo=True).pixels, loaded.picture.pixels)
    nothing = Patch.between(loaded.picture, loaded.picture)
    assert nothing.after.size == 0
    assert np.array_equal(nothing.apply(loaded.picture).pixels, loaded.picture.pixels)


@pytest.mark.stranger("17.B.3")
def test_a_visit_goes_on_from_results_back_and_forward(loaded, room):
    once, first = painted_over(loaded.picture, slice(3, 8))
    twice, second = painted_over(once, slice(6, 9), color=9)
    on = loaded.go_on(first, "1 2", room).go_on(second, "3 4", room)
    back = on.go_back(room)
    assert np.array_equal(back.picture.pixels, once.pixels)
    assert np.array_equal(back.go_back(room).picture.pixels, loaded.picture.pixels)
    assert np.array_equal(back.go_forward(room).picture.pixels, twice.pixels)
    assert ([step.runs for step in on.done], back.go_on(second, "5", room).undone) == (["1 2", "3 4"], ())


@pytest.mark.stranger("17.B.3")
def test_what_can_be_gone_back_to_is_limited(loaded, room, monkeypatch):
    monkeypatch.setattr("inlay.app.pictures.MOST_KEPT", 500)
    on = loaded
    for row in range(5):
        _, patch = painted_over(on.picture, slice(row, row + 2))
        on = on.go_on(patch, str(row), room)
    assert [step.runs for step in on.done] == ["3", "4"]


@pytest.mark.stranger("17.A.4", "17.B.3")
@pytest.mark.parametrize(
    ("kind", "name", "own"),
    [
        *(("JPEG", "a.JPG", ".jpg"), ("TIFF", "a.tif", ".tif"), ("WEBP", "a.webp", ".webp")),
        *(("GIF", "a.gif", ".png"), ("JPEG2000", "a.jp2", ".jp2"), ("JPEG", "a.jfif", ".jfif")),
    ],
)
def test_a_download_has_the_format_that_the_picture_came_in(tmp_path, room, kind, name, own):
    Image.new("RGB", (40, 30)).save(tmp_path / name, kind)
    assert own_format(load(str(tmp_path / name), Limits(), room)) == own


@pytest.mark.stranger("17.B.3")
def test_a_download_keeps_every_pixel_in_a_folder_that_nobody_guesses(room, loaded):
    deep = picture("RGB16")
    assert own_format(replace(loaded, name="a.jpg", picture=deep)) == ".png"  # which holds 16 bits
    paths = [save(deep, "../a\u202eb c.png", room) for _ in range(2)]
    assert (paths[0].name, len({path.parent for path in paths})) == (".._a_b c.png", 2)
    assert all(len(path.parent.name) > 20 and path.parent.parent == room.folder for path in paths)
    assert np.array_equal(read_picture(paths[0]).pixels, deep.pixels)


@pytest.mark.stranger("17.A.2")
def test_an_animation_is_refused_with_the_way_out(tmp_path, room):
    frames = [Image.fromarray(np.full((30, 40, 3), 90 * number, np.uint8)) for number in range(2)]
    frames[0].save(tmp_path / "cat.webp", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(InlayError, match=r"^cat\.webp: an animation of 2 frames, .* Save the one you mean as a file"):
        load(str(tmp_path / "cat.webp"), Limits(), room)
