"""Files of several pictures: pages of a TIFF, frames of animations."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from inlay.errors import BadFile, InlayError
from inlay.images import (
    count_frames,
    count_pixels,
    from_pil,
    picture_size,
    read_image,
    read_pages,
    read_picture,
    write_pages,
)
from tests.images.files import photo, picture

pytestmark = pytest.mark.stranger("17.A.2")

ANIMATIONS = {"webp": {"lossless": True}, "png": {}, "gif": {}, "avif": {}}


def animation(folder, kind):
    frames = [Image.fromarray(photo(20, 30, seed)) for seed in range(3)]
    frames[0].save(folder / "a.jpg", kind, save_all=True, append_images=frames[1:], **ANIMATIONS[kind])
    return folder / "a.jpg", [np.asarray(frame) for frame in frames]


def paged(path, pages, order="<"):
    with tifffile.TiffWriter(path, byteorder=order) as file:
        for number, page in enumerate(pages):
            kind = "rgb" if page.shape[2] > 2 else "minisblack"
            file.write(page.squeeze(), photometric=kind, description=f"page {number}", metadata=None)
    return path


@pytest.mark.parametrize("kind", ANIMATIONS)
@pytest.mark.parametrize("read", [read_picture, read_pages, read_image, picture_size])
def test_animations_are_refused_with_the_way_out(tmp_path, kind, read):
    with pytest.raises(BadFile, match=r"an animation of 3 frames, where one picture is wanted.* frame=N"):
        read(animation(tmp_path, kind)[0])


@pytest.mark.parametrize("kind", ["webp", "png"])
def test_a_frame_that_is_named_is_read_or_not_there(tmp_path, kind):
    path, frames = animation(tmp_path, kind)
    for number, frame in enumerate(frames, 1):
        assert np.array_equal(read_picture(path, frame=number).pixels, frame)
    for number in (0, 4, -1):
        with pytest.raises(BadFile, match=rf"has 3 frames or pages, and no number {number}\. Choose another"):
            read_picture(path, frame=number)


def test_an_animation_of_pillow_is_refused_and_a_copy_of_its_frame_is_not(tmp_path):
    path, frames = animation(tmp_path, "webp")
    with Image.open(path) as file:
        file.seek(1)
        with pytest.raises(InlayError, match=r"image\.seek\(\), and give image\.copy\(\)"):
            from_pil(file)
        assert np.array_equal(from_pil(file.copy()).pixels, frames[1])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", ["L", "RGB", "L16", "RGB16", "RGBA16"])
def test_pages_go_in_and_out_with_their_tags(tmp_path, mode, order):
    pixels = [np.roll(picture(mode).pixels, number, axis=1) for number in range(3)]
    path = paged(tmp_path / "a.tif", pixels, order)
    assert (count_frames(path), count_pixels(path)) == (3, 3 * 10 * 13)
    pages = read_pages(path)
    write_pages(tmp_path / "b.tif", pages)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert [page.description for page in file.pages] == ["page 0", "page 1", "page 2"]
        for number, page in enumerate(file.pages):
            assert np.array_equal(page.asarray(), pixels[number].squeeze())
    for page, again in zip(pages, read_pages(tmp_path / "b.tif"), strict=True):
        assert np.array_equal(page.pixels, again.pixels)
        assert page.metadata == again.metadata


def test_pages_are_refused_where_one_picture_is_wanted_or_that_are_too_many_and_only_tiff_holds_them(tmp_path):
    path = paged(tmp_path / "a.jpg", [picture("L").pixels] * 3)
    for read in (read_picture, read_image):
        with pytest.raises(BadFile, match=r"holds 3 pages, where one picture is wanted"):
            read(path)
    assert len(read_pages(path, frame=2)) == 1
    with pytest.raises(BadFile, match=r"3 pages of 390 pixels are too many\. Choose one with frame=N"):
        read_pages(path, max_pixels=300)
    with pytest.raises(InlayError, match=r"3 pages, and \.png holds one\. Use \.tif or \.tiff"):
        write_pages(tmp_path / "a.png", read_pages(path))


@pytest.mark.parametrize("kind", ["smaller", "telephone"])
def test_previews_are_left_out_and_said(tmp_path, kind, save, caplog):
    image = photo(20, 30)
    if kind == "smaller":
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            file.write(image, photometric="rgb")
            file.write(image[::2, ::2], photometric="rgb", subfiletype=1)
    else:
        save("a.tif", image, kind="MPO", save_all=True, append_images=[Image.fromarray(image[::2, ::2])])
    (page,) = read_pages(tmp_path / "a.tif")
    assert page.size == (20, 30)
    assert "holds 1 more versions of the picture" in caplog.text


def test_pages_may_be_of_several_kinds(save):
    kinds = [Image.fromarray(photo(20, 30)).convert(mode) for mode in ("L", "P", "1", "RGB", "P", "CMYK")]
    path = save("a.tif", kinds[0], save_all=True, append_images=kinds[1:])
    for page, given in zip(read_pages(path), kinds, strict=True):
        assert np.array_equal(page.rgb8(), np.asarray(given.convert("RGB")))
