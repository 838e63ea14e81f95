"""Which formats are read and written here, and what is said of the others."""

import os

import numpy as np
import pytest
from PIL import Image

from inlay.errors import BadFile, InlayError
from inlay.images import SUFFIXES, find_images, formats, read_image, read_picture, why_unread, write_picture, writing
from inlay.images.picture import Picture
from tests.images.described import RGB_PROFILE, wrote
from tests.images.files import exif, photo, picture

pytestmark = pytest.mark.stranger("17.A.4")

HEAD_OF_HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
FARTHEST = {".avif": 4, ".heic": 2, ".jp2": 0, ".j2k": 0, ".jfif": 20, ".jpe": 20}


def skip_what_is_not_here(suffix):
    if suffix not in SUFFIXES:
        pytest.skip(f"{suffix} is not read here")


@pytest.mark.parametrize("suffix", FARTHEST)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pictures_come_back(tmp_path, suffix, mode):
    skip_what_is_not_here(suffix)
    if mode != "RGBA" or suffix not in (".jfif", ".jpe"):
        pixels = photo(40, 60)[..., {"L": [0], "RGB": [0, 1, 2], "RGBA": [0, 1, 2, 0]}[mode]]
        path = wrote(tmp_path, suffix, Picture(pixels))
        back = read_picture(path)
        assert np.abs(back.pixels.astype(int) - pixels).max() <= FARTHEST[suffix]
        assert np.array_equal(read_image(path), back.rgb8())


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_profile_and_exif_come_back(save, tmp_path, suffix):
    skip_what_is_not_here(suffix)
    tags = Image.Exif()
    tags[0x010E] = "a bird"
    given = read_picture(save("a.png", exif=tags, icc_profile=RGB_PROFILE))
    back = read_picture(wrote(tmp_path, suffix, given)).metadata
    assert (back.exif, back.icc) == (given.metadata.exif, given.metadata.icc)


def test_avif_is_turned_upright(save):
    skip_what_is_not_here(".avif")
    assert read_picture(save("a.avif", photo(20, 30), exif=exif(6))).size == (30, 20)


def test_what_jpeg_2000_does_not_keep_is_known(save):
    skip_what_is_not_here(".jp2")
    given = read_picture(save("a.png", icc_profile=RGB_PROFILE))
    assert writing.unsupported_metadata("a.jp2", given) == ["profile"]


def test_what_has_more_bits_is_said_to_be_stored_so(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    deep = heif.from_bytes("RGB;16", (16, 16), bytes(16 * 16 * 6))
    deep.save(tmp_path / "a.heic")
    assert read_picture(tmp_path / "a.heic").stored_as == "RGB of 10 bits"


def test_heic_without_its_extra_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "HAS_HEIF", False)
    (tmp_path / "a.jpg").write_bytes(HEAD_OF_HEIC)
    with pytest.raises(BadFile, match=r"HEIC, which the extra heif reads: pip install 'inlay\[heif\]'"):
        read_picture(tmp_path / "a.jpg")
    monkeypatch.setattr(writing, "_FORMATS", {".png": writing._PNG})
    monkeypatch.setattr(formats, "SUFFIXES", (".png",))
    with pytest.raises(InlayError, match=r"pip install 'inlay\[heif\]'"):
        write_picture(tmp_path / "a.heic", picture("RGB"))


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.CR2", "a camera's raw data"), ("a.psd", "Photoshop's format"), ("a.jxl", "JPEG XL"), ("a.svg", "a drawing")],
)
def test_others_are_refused_by_name(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(BadFile, match=f"{said}, which is not read. Save it as PNG or TIFF"):
        read_picture(tmp_path / name)
    assert why_unread(name)
    assert not why_unread("a.txt")
    assert not why_unread("a.JPG")


def test_a_folder_lists_sorted_what_is_read_and_what_is_not_but_nothing_hidden(tmp_path):
    for name in ("b/2.png", "a.JPG", "b.jfif", "b/.3.png", ".cache/4.png", "c.psd", "notes.txt", ".d.psd"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "e.png")
    (tmp_path / "f").symlink_to("/mnt/unmounted")
    pictures, unread = find_images(tmp_path)
    assert pictures == [tmp_path / "a.JPG", tmp_path / "b/2.png", tmp_path / "b.jfif"]
    assert [(path.name, reason.split(",")[0]) for path, reason in unread] == [
        ("c.psd", "Photoshop's format"),
        ("e.png", "no regular file but a pipe"),
        ("f", "a link that leads nowhere"),
    ]


def test_a_folder_lists_pictures_that_are_named_like_none(save, tmp_path):
    kinds = {"a.jpg_large": "JPEG", "b.png?w=200": "PNG", "c.orig": "WebP", "d": "TIFF", "e": "AVIF"}
    for name, kind in kinds.items():
        save(name, kind=kind)
    (tmp_path / "notes").write_text("no picture")
    pictures, unread = find_images(tmp_path)
    said = {path.name: reason.split(", and named like no picture")[0] for path, reason in unread}
    assert (pictures, said) == ([], {name: f"{kind} by its content" for name, kind in kinds.items()})
