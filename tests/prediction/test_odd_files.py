"""Folders as people have them: links, pages, animations, formats and things that are no files."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from inlay.errors import InlayError
from inlay.files import at_home
from inlay.images import SUFFIXES, read_pages, read_picture, write_picture
from inlay.pipeline import inpainter
from inlay.prediction import Request
from inlay.prediction.pairing import find_items
from tests.pictures import half, picture, write_mask
from tests.pipeline.fillers import Painter
from tests.prediction.filling import fill, report

SIZE = (20, 30)
HOLE = half(*SIZE)


@pytest.fixture(autouse=True)
def _there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inpainter, "load_filler", lambda *_: Painter((1, 1, 1)))
    write_mask(Path("mask.png"), HOLE)


def paged(path, count, white=None):
    path.parent.mkdir(exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for number in range(count):
            page = picture(seed=number).pixels if white is None else np.uint8(255) * white(number)
            file.write(page, photometric="rgb" if page.ndim > 2 else "minisblack", metadata=None)
    return path


def animation(path):
    frames = [Image.fromarray(picture(seed=number).pixels) for number in range(3)]
    path.parent.mkdir(exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    return path


def is_filled(answer, given):
    known = np.array_equal(answer.pixels[~HOLE], given.pixels[~HOLE])
    return known and bool((answer.pixels[HOLE] == 255).all())


@pytest.mark.stranger("17.A.1", "17.A.2", "17.A.4", "17.A.10")
def test_everything_in_a_folder_is_filled_or_listed(caplog):
    write_picture(Path("elsewhere/deep/a.png"), picture())
    write_picture(Path("photos/b.png"), picture())
    Path("photos/b.png").rename("photos/b.PNG")
    for name in ("c.JPG", "d.jfif"):
        Image.fromarray(picture().pixels).save(f"photos/{name}", "JPEG")
    if ".avif" in SUFFIXES:
        write_picture(Path("photos/e.avif"), picture())
    paged(Path("photos/f.tif"), 3)
    animation(Path("photos/g.webp"))
    os.mkfifo("photos/h.png")
    Path("photos/i.psd").touch()
    Path("photos/j").symlink_to("/mnt/unmounted")
    Path("photos/linked").symlink_to(Path("elsewhere").resolve())
    Path("elsewhere/back").symlink_to(Path("photos").resolve())
    with pytest.raises(InlayError, match=r"1 of \d pictures could not be filled: photos/g\.webp: an animation of 3"):
        fill()
    told = report()
    status = {Path(each["image"]).relative_to("photos").as_posix(): each["status"] for each in told["pictures"]}
    filled = ["b.PNG", "c.JPG", "d.jfif", "f.tif", "linked/deep/a.png", *["e.avif"] * (".avif" in SUFFIXES)]
    assert status == {**dict.fromkeys(filled, "filled"), "g.webp": "failed"}
    assert all(Path("out", name).is_file() for name in filled)
    assert [each["file"] for each in told["not_read"]] == ["photos/h.png", "photos/i.psd", "photos/j"]
    assert "not read: photos/i.psd: Photoshop's format, which is not read. Save it as PNG or TIFF." in caplog.text


@pytest.mark.stranger("17.A.4")
@pytest.mark.parametrize("image", ["photos", "photos/*"])
def test_a_folder_with_what_is_not_read_is_not_all_done_and_of_nothing_that_is_says_why(image):
    Path("photos").mkdir()
    Path("photos/b.psd").touch()
    with pytest.raises(InlayError, match=r"no pictures there .*b\.psd: Photoshop's format"):
        fill(image=[image])
    Path("photos/b.psd").rename("photos/b.cr2")
    write_picture(Path("photos/a.png"), picture())
    for _ in range(2):
        with pytest.raises(InlayError, match=r"1 in the folders could not be read.*photos/b\."):
            fill()
    fill(image=["photos/*.png"])


@pytest.mark.stranger("17.A.1")
@pytest.mark.parametrize("pattern", ["photos/**/*.png", "photos/**", "**/a.png"])
def test_patterns_are_walked_like_folders(pattern):
    write_picture(Path("photos/deep/a.png"), picture())
    for name in ("one", "two"):
        Path("photos", name).symlink_to(Path("photos").resolve())
    plan = find_items(Request([pattern], "telea", Path("out"), "mask.png"))
    assert [str(item.image) for item in plan.items] == ["photos/deep/a.png"]


@pytest.mark.stranger("17.A.1")
def test_masks_lie_behind_links_too_and_answers_behind_one_are_no_input():
    write_picture(Path("photos/deep/a.png"), picture())
    write_mask(Path("elsewhere/a.png"), HOLE)
    for name, place in (("masks/deep", "elsewhere"), ("photos/done", "out")):
        Path(place).mkdir(exist_ok=True)
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).symlink_to(Path(place).resolve())
    for _ in range(2):
        fill(mask="masks")
    assert is_filled(read_picture("out/deep/a.png"), picture())
    assert ([each["image"] for each in report()["pictures"]], report()["not_read"]) == (["photos/deep/a.png"], [])


@pytest.mark.stranger("17.A.2")
class TestPages:
    def test_are_filled_with_a_mask_each_or_one_of_them(self):
        paged(Path("photos/a.tif"), 3)
        paged(Path("masks/a.tif"), 3, lambda number: HOLE if number == 1 else ~HOLE)
        fill(mask="masks")
        first, second, _ = read_pages("out/a.tif")
        assert is_filled(second, picture(seed=1))
        assert np.array_equal(first.pixels[HOLE], picture(seed=0).pixels[HOLE])
        assert (report()["pictures"][0]["hole_ratio"], report()["pictures"][0]["windows"]) == (0.5, 3)
        fill(image=["photos/a.tif"], mask="masks/a.tif", output=Path("b.png"), frame=2)
        assert is_filled(read_picture("b.png"), picture(seed=1))

    def test_samples_and_sheet_have_all_pages_filled_with_one_mask(self):
        fill(image=[paged(Path("photos/a.tif"), 2)], output=Path("b.tif"), samples=2, seed=1, compare=True)
        for number in (1, 2):
            filled = [is_filled(page, picture(seed=seed)) for seed, page in enumerate(read_pages(f"b_{number}.tif"))]
            assert filled == [True, True]
        assert read_picture("b_compare.png").size == (2 * 20 + 4, 4 * 30 + 3 * 4)

    def test_want_as_many_masks_and_a_format_that_holds_them(self):
        paged(Path("m.tif"), 2, lambda _: HOLE)
        asked = {"image": [paged(Path("photos/a.tif"), 3)]}
        with pytest.raises(InlayError, match=r"m\.tif: holds 2 masks, and the picture has 3 pages"):
            fill(**asked, mask="m.tif", output=Path("b.tif"))
        with pytest.raises(InlayError, match=r"3 pages, and \.png holds one\. .* with frame=N"):
            fill(**asked, output=Path("b.png"))


@pytest.mark.stranger("17.A.2")
def test_a_frame_of_an_animation_may_be_chosen_and_a_still_gif_becomes_a_png():
    fill(image=[animation(Path("photos/a.webp"))], output=Path("b.png"), frame=3)
    assert is_filled(read_picture("b.png"), picture(seed=2))
    Image.fromarray(picture().pixels).convert("P").save("photos/a.gif")
    fill(image=["photos/*.gif"])
    assert is_filled(read_picture("out/a.png"), read_picture("photos/a.gif"))


@pytest.mark.stranger("17.A.10")
def test_an_answer_lands_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_picture(Path("home/a.png"), picture())
    fill(image=at_home(["~/a.png"]), output=at_home(Path("~/x.png")))
    assert is_filled(read_picture("home/x.png"), picture())
    assert not Path("~").exists()
