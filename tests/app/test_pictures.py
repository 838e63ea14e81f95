import numpy as np
import pytest
from PIL import Image

from inlay.app.limits import Limits
from inlay.app.pictures import load, load_mask, preview, save
from inlay.errors import InlayError
from inlay.images import Picture, read_picture


@pytest.fixture
def photograph(tmp_path, rng):
    pixels = rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_a_picture_is_read_from_its_own_file(photograph):
    loaded = load(str(photograph), Limits())
    assert (loaded.name, loaded.given) == ("cat.png", None)
    assert np.array_equal(loaded.picture.pixels, np.asarray(Image.open(photograph)))


@pytest.mark.parametrize(
    ("limits", "reason"), [(Limits(pixels=1199), "more than 1,199 pixels"), (Limits(megabytes=0.001), "megabytes")]
)
def test_what_is_too_large_is_refused_without_saying_where_it_lies(photograph, limits, reason):
    for read in (lambda: load(str(photograph), limits), lambda: load_mask(str(photograph), (3, 4), "white", limits)):
        with pytest.raises(InlayError, match=reason) as refused:
            read()
        assert str(refused.value).startswith("cat.png: ")
        assert str(photograph.parent) not in str(refused.value)


def test_what_is_no_picture_is_refused_without_saying_where_it_lies(tmp_path):
    (tmp_path / "cat.png").write_text("<svg/>")
    with pytest.raises(InlayError, match=r"^cat\.png: not a picture"):
        load(str(tmp_path / "cat.png"), Limits())


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
    assert said == ["The mask is 20x10, resized to the picture's 40x20."]
    assert "stretched" in load_mask(path, (20, 20), "white", Limits())[1][1]


def test_a_preview_shows_what_is_transparent_white():
    pixels = np.full((4, 6, 4), 100, np.uint8)
    pixels[..., 3] = 255
    pixels[0, 0, 3] = 0
    seen = preview(Picture(pixels))
    assert seen.shape == (4, 6, 3)
    assert seen[0, 0].tolist() == [255] * 3
    assert (seen[1:] == 100).all()


def test_a_preview_of_a_large_picture_is_small():
    pixels = np.zeros((1000, 2560, 1), np.uint16)
    pixels[:, 1280:] = 65535
    seen = preview(Picture(pixels))
    assert seen.shape == (500, 1280, 3)
    assert (seen[:, 640:] == 255).all()
    assert not seen[:, :640].any()


def test_a_download_keeps_every_pixel_in_a_folder_that_nobody_guesses(tmp_path, rng):
    picture = Picture(rng.integers(0, 65536, (9, 8, 3)).astype(np.uint16))
    paths = [save(tmp_path, picture, "../a b.jpg") for _ in range(2)]
    assert paths[0].name == "a b_filled.png"
    assert len({path.parent for path in paths}) == 2
    assert all(len(path.parent.name) > 20 and path.parent.parent == tmp_path for path in paths)
    assert np.array_equal(read_picture(paths[0]).pixels, picture.pixels)
