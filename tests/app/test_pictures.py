from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inlay.app.history import Patch
from inlay.app.limits import Limits
from inlay.app.pictures import load, load_mask, own_format, save
from inlay.app.room import Room
from inlay.errors import InlayError
from inlay.images import LOSSY, Picture, read_picture


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
    """The picture with a box of one color, and the patch to it."""
    pixels = picture.pixels.copy()
    pixels[box] = color
    after = Picture(pixels)
    return after, Patch.between(picture, after)


def test_a_picture_is_read_from_its_own_file(photograph, loaded):
    assert (loaded.name, loaded.mask) == ("cat.png", None)
    assert np.array_equal(loaded.picture.pixels, np.asarray(Image.open(photograph)))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(pixels=1199), "more than 1,199 pixels"),
        (Limits(megabytes=0.001), "megabytes"),
        (Limits(), "not a picture"),
    ],
)
def test_what_is_refused_is_not_said_to_lie_anywhere(photograph, room, limits, reason):
    if reason == "not a picture":
        photograph.write_text("<svg/>")
    for read in (
        lambda: load(str(photograph), limits, room),
        lambda: load_mask(str(photograph), (3, 4), "white", limits),
    ):
        with pytest.raises(InlayError, match=reason) as refused:
            read()
        assert str(refused.value).startswith("cat.png: ")
        assert str(photograph.parent) not in str(refused.value)


def test_a_mask_fits_its_picture_and_says_how(tmp_path):
    mask = np.zeros((10, 20), np.uint8)
    mask[:, :5] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    path = str(tmp_path / "mask.png")
    hole, said = load_mask(path, (10, 20), "white", Limits())
    assert np.array_equal(hole, mask > 0)
    assert said == []
    larger, said = load_mask(path, (20, 40), "black", Limits())
    assert np.array_equal(larger, np.kron(mask == 0, np.ones((2, 2), bool)))
    assert said == ["The mask is 20x10; resized to the picture's 40x20."]
    assert "stretched" in load_mask(path, (20, 20), "white", Limits())[1][1]


@pytest.mark.stranger("17.A.8")
def test_a_mask_is_turned_as_its_picture_was(tmp_path):
    mask = np.zeros((10, 20), np.uint8)
    mask[:, :5] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    hole, said = load_mask(str(tmp_path / "mask.png"), (20, 10), "white", Limits(), turned=6)  # a quarter to the right
    assert np.array_equal(hole, np.rot90(mask > 0, -1))
    assert "EXIF orientation" in said[0]


@pytest.mark.stranger("17.A.8")
def test_a_photograph_is_no_mask(photograph):
    with pytest.raises(InlayError, match=r"^cat\.png: a photograph rather than a mask: .* Hand in the mask"):
        load_mask(str(photograph), (30, 40), "white", Limits())


def test_a_patch_is_the_box_that_differs(loaded):
    after, patch = painted_over(loaded.picture, slice(3, 8), slice(10, 12))
    assert (patch.top, patch.left, patch.after.shape) == (3, 10, (5, 2, 3))
    assert np.array_equal(patch.apply(loaded.picture).pixels, after.pixels)
    assert np.array_equal(patch.apply(after, undo=True).pixels, loaded.picture.pixels)


def test_a_patch_between_equals_changes_nothing(loaded):
    patch = Patch.between(loaded.picture, loaded.picture)
    assert patch.after.size == 0
    assert np.array_equal(patch.apply(loaded.picture).pixels, loaded.picture.pixels)


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
    monkeypatch.setattr("inlay.app.history.MOST_KEPT", 500)
    on = loaded
    for row in range(5):
        _, patch = painted_over(on.picture, slice(row, row + 2))
        on = on.go_on(patch, str(row), room)
    assert [step.runs for step in on.done] == ["3", "4"]


@pytest.mark.stranger("17.B.3")
@pytest.mark.parametrize(
    ("name", "suffix", "exact"),
    [("a.JPG", ".jpg", False), ("a.tif", ".tif", True), ("a.webp", ".webp", True), ("a.gif", ".png", True)],
)  # fmt: skip
def test_a_download_has_the_format_that_the_picture_came_in(loaded, name, suffix, exact):
    assert (own_format(replace(loaded, name=name)), suffix not in LOSSY) == (suffix, exact)


def test_pixels_that_the_own_format_cannot_hold_are_downloaded_as_png(loaded, rng):
    deep = Picture(rng.integers(0, 65536, (9, 8, 3)).astype(np.uint16))
    assert own_format(replace(loaded, name="a.jpg", picture=deep)) == ".png"


@pytest.mark.stranger("17.B.3")
def test_a_download_keeps_every_pixel_in_a_folder_that_nobody_guesses(room, rng):
    picture = Picture(rng.integers(0, 65536, (9, 8, 3)).astype(np.uint16))
    paths = [save(picture, "../a\u202eb c.png", room) for _ in range(2)]
    assert (paths[0].name, len({path.parent for path in paths})) == (".._a_b c.png", 2)
    assert all(len(path.parent.name) > 20 and path.parent.parent == room.folder for path in paths)
    assert np.array_equal(read_picture(paths[0]).pixels, picture.pixels)


@pytest.mark.stranger("17.A.2")
def test_an_animation_is_refused_with_the_way_out(tmp_path, room):
    frames = [Image.fromarray(np.full((30, 40, 3), 90 * number, np.uint8)) for number in range(2)]
    frames[0].save(tmp_path / "cat.webp", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(InlayError, match=r"^cat\.webp: an animation of 2 frames, .* Save the one you mean as a file"):
        load(str(tmp_path / "cat.webp"), Limits(), room)


@pytest.mark.stranger("17.A.4")
def test_formats_that_are_read_come_back_in_their_own(tmp_path, room):
    for suffix in (".jp2", ".gif", ".jfif"):
        kind = "JPEG" if suffix == ".jfif" else None
        Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(tmp_path / f"a{suffix}", kind)
    loaded = [load(str(tmp_path / f"a{suffix}"), Limits(), room) for suffix in (".jp2", ".gif", ".jfif")]
    assert [own_format(each) for each in loaded] == [".jp2", ".png", ".jfif"]
