"""What a file says of its picture comes through."""

import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from inlay.images import find_images, from_pil, read_image, read_picture
from tests.images.described import (
    CMYK_PROFILE,
    GRAY_PROFILE,
    INK_PROFILE,
    RGB_PROFILE,
    XMP,
    described,
    exif,
    fields,
    fields_of,
    opened,
    png_chunks,
    with_chunks,
    wrote,
)
from tests.images.files import SIZE, SMOOTH, by_the_book, photo, picture, png

DEEP = ["L16", "RGB16", "RGBA16"]
FILES = [
    *((".jpg", mode) for mode in ("L", "RGB")),
    *((".webp", mode) for mode in ("RGB", "RGBA")),
    *((suffix, mode) for suffix in (".png", ".tif") for mode in ["L", "LA", "RGB", "RGBA", *DEEP]),
]


@pytest.mark.parametrize(("suffix", "mode"), FILES)
class TestAWrittenFile:
    def test_has_the_pixels_and_the_metadata_that_it_was_given_for_pillow_too(self, suffix, mode, tmp_path):
        given = described(mode)
        path, told = wrote(tmp_path, suffix, given), given.metadata
        back = read_picture(path)
        assert suffix == ".jpg" or np.array_equal(back.pixels, given.pixels)
        assert (back.metadata.icc, back.metadata.xmp) == (told.icc, told.xmp)
        if suffix != ".webp":  # has no resolution besides that of EXIF
            assert np.allclose(back.metadata.dpi, (240, 120), atol=0.01)
        info = opened(path).info
        assert (info["icc_profile"], info["xmp"].rstrip(b"\0")) == (told.icc, told.xmp)
        ours, seen, expected = fields_of(back.metadata.exif), fields(path), fields_of(told.exif)
        assert seen.keys() == expected.keys()
        for directory, inside in expected.items():
            assert inside
            assert ours[directory].items() >= inside.items()
            assert {tag: seen[directory].get(tag) for tag in inside} == inside

    def test_has_none_where_there_were_none(self, suffix, mode, tmp_path):
        back = read_picture(wrote(tmp_path, suffix, picture(mode))).metadata
        assert (back.icc, back.xmp, back.dpi) == (b"", b"", None)
        assert suffix == ".tif" or not back.exif or not any(fields_of(back.exif).values())


@pytest.mark.parametrize("mode", ["RGB16", "RGBA16", "RGB"])
def test_a_png_of_16_bits_too_has_the_chunks_before_the_pixels_and_they_are_sound(mode, tmp_path):
    chunks = png_chunks(wrote(tmp_path, ".png", described(mode)))
    names, found = [name for name, _ in chunks], dict(chunks)
    assert names[0] == b"IHDR"
    for told in (b"iCCP", b"pHYs", b"eXIf", b"iTXt"):
        assert names[: names.index(b"IDAT")].count(told) == names.count(told) == 1
    assert zlib.decompress(found[b"iCCP"].split(b"\0\0", 1)[1]) == RGB_PROFILE
    assert found[b"pHYs"] == struct.pack(">IIB", 9449, 4724, 1)  # 240 and 120 an inch of 25.4 mm
    assert found[b"eXIf"] in (exif(), described(mode).metadata.exif)
    assert found[b"iTXt"] == b"XML:com.adobe.xmp\0\0\0\0\0" + XMP % 1


@pytest.mark.parametrize("mode", DEEP)
def test_a_tiff_of_16_bits_has_them_for_tifffile(mode, tmp_path):
    given = described(mode)
    with tifffile.TiffFile(wrote(tmp_path, ".tif", given)) as file:
        page = file.pages[0]
        assert np.array_equal(page.asarray(), given.pixels.squeeze())
        assert page.iccprofile == given.metadata.icc
        assert page.tags["XMP"].value == XMP % 1
        assert (page.get_resolution(2), len(file.pages)) == ((240, 120), 1)
        assert page.tags["Make"].value == "Nikon"
        assert page.tags["ExifTag"].value["LensModel"] == "50 mm f/1.8"
        assert page.tags["GPSTag"].value["GPSLatitude"] == (59, 1, 20, 1, 30, 1)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("into", [".png", ".tif"])
def test_orientation_is_applied_once_and_then_1(suffix, orientation, into, save, tmp_path):
    path, packet, deep = tmp_path / f"in{suffix}", XMP % orientation, picture("RGB16").pixels
    if suffix == ".png":
        path.write_bytes(png(deep, orientation=orientation))
    elif suffix == ".tif":
        tags = [(0x0112, 3, 1, orientation, True), (700, 1, None, packet, True)]
        tifffile.imwrite(path, deep, photometric="rgb", extratags=tags)
    else:
        options = {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {"lossless": True}
        save(path.name, exif=b"Exif\0\0" + exif(orientation), xmp=packet, dpi=(240, 120), **options)
    upright = read_picture(path)
    assert np.array_equal(upright.rgb8(), read_image(path))
    out = wrote(tmp_path, into, upright)
    assert fields(out)[0].get(0x0112, 1) == 1
    assert b'tiff:Orientation="1"' in upright.metadata.xmp or suffix == ".png"
    assert np.array_equal(read_picture(out).pixels, upright.pixels)
    if upright.peak == 255:
        assert np.array_equal(by_the_book(out), by_the_book(path))
    assert np.array_equal(read_picture(wrote(tmp_path, into, read_picture(out))).pixels, upright.pixels)


class TestXmp:
    @pytest.mark.parametrize(
        ("said", "kept"),
        [
            (b'tiff:Orientation="6"', b'tiff:Orientation="1"'),
            (b"tiff:Orientation = '8'", b"tiff:Orientation = '1'"),
            (b"<tiff:Orientation> 3</tiff:Orientation>", b"<tiff:Orientation> 1</tiff:Orientation>"),
            (b'exif:Flash="6"', b'exif:Flash="6"'),
        ],
    )
    def test_does_not_turn_the_picture_twice(self, said, kept):
        image = Image.fromarray(SMOOTH)
        image.info["xmp"] = b"<rdf:RDF>" + said + b"</rdf:RDF>"
        assert from_pil(image).metadata.xmp == b"<rdf:RDF>" + kept + b"</rdf:RDF>"

    def test_turns_it_once_where_there_is_no_exif(self, save, tmp_path):
        upright = read_picture(save(xmp=XMP % 6, quality=100, subsampling=0))
        assert upright.size == SIZE[::-1]
        assert np.array_equal(by_the_book(wrote(tmp_path, ".png", upright)), upright.pixels)


class TestProfiles:
    @pytest.mark.parametrize(
        ("mode", "profile"),
        [("RGB", RGB_PROFILE), ("L", GRAY_PROFILE), ("P", RGB_PROFILE), ("1", GRAY_PROFILE)],
    )
    def test_of_the_color_space_of_the_pixels_are_kept(self, mode, profile, save):
        assert read_picture(save("in.png", mode=mode, icc_profile=profile)).metadata.icc == profile

    @pytest.mark.parametrize(
        ("mode", "name", "profile", "kind"),
        [
            ("CMYK", "in.jpg", CMYK_PROFILE, "RGB"),
            ("CMYK", "in.tif", CMYK_PROFILE, "RGB"),
            ("L", "in.jpg", RGB_PROFILE, "GRAY"),
            ("RGB", "in.png", GRAY_PROFILE, "RGB"),
        ],
    )
    def test_of_another_are_left_out(self, mode, name, profile, kind, save, caplog):
        assert read_picture(save(name, mode=mode, icc_profile=profile)).metadata.icc == b""
        assert f"{name}: its color profile is damaged, or not for {kind} pixels" in caplog.text

    def test_of_gray_are_left_out_of_webp_which_has_none(self, tmp_path, caplog):
        path = wrote(tmp_path, ".webp", described("L"))
        assert "icc_profile" not in opened(path).info
        assert "The color profile is not one for the pixels of the file" in caplog.text

    def test_longer_than_a_segment_come_through_jpeg(self, tmp_path):
        long = (200_000).to_bytes(4, "big") + RGB_PROFILE[4:] + bytes(200_000 - len(RGB_PROFILE))
        path = wrote(tmp_path, ".jpg", described("RGB", icc=long))
        assert opened(path).info["icc_profile"] == read_picture(path).metadata.icc == long


def test_jpeg_leaves_out_what_is_too_long_for_it(tmp_path, caplog):
    given = described("RGB", exif=exif(note=bytes(66_000)), xmp=XMP % 1 + b" " * 66_000)
    info = opened(wrote(tmp_path, ".jpg", given)).info
    assert (info["icc_profile"], "exif" in info, "xmp" in info) == (RGB_PROFILE, False, False)
    for kind in ("EXIF", "XMP"):
        assert re.search(f"JPEG cannot hold 66.* bytes of {kind}; they were left out", caplog.text)


def test_what_is_filled_keeps_the_metadata_and_training_looks_at_none(tmp_path, monkeypatch):
    given = described("RGB")
    assert given.filled(np.zeros((*SIZE, 3)), np.ones(SIZE, bool)).metadata == given.metadata
    path = wrote(tmp_path, ".png", given)
    monkeypatch.setattr("inlay.images.reading.collect", None)
    assert np.array_equal(read_image(path), given.pixels)
    with pytest.raises(TypeError):
        read_picture(path)


def test_real_photographs_keep_theirs(shared_data, tmp_path):
    for path in find_images(shared_data / "pets/images").pictures[::150]:
        back = read_picture(wrote(tmp_path, ".jpg", read_picture(path)))
        source = opened(path)
        assert back.metadata.icc == source.info.get("icc_profile", b"")
        assert opened(tmp_path / "out.jpg").quantization == source.quantization or source.getexif().get(0x0112, 1) > 4
        assert back.size == ImageOps.exif_transpose(source).size[::-1]


class TestDamage:
    """Of what is said of a picture; it can be read all the same."""

    @pytest.mark.parametrize("profile", [b"no profile", RGB_PROFILE[:300], RGB_PROFILE[:36] + b"????" + bytes(200)])
    @pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.webp", "in.tif"])
    def test_leaves_a_profile_out(self, save, name, profile, caplog):
        read = read_picture(save(name, icc_profile=profile))
        assert (read.size, read.metadata.icc) == (SIZE, b"")
        assert f"{name}: its color profile is damaged" in caplog.text

    def test_leaves_out_a_profile_that_png_cannot_unpack(self, tmp_path):
        path = with_chunks(tmp_path / "in.png", [(b"iCCP", b"sRGB\0\0" + bytes(500))])
        assert read_picture(path).metadata.icc == b""
        assert np.array_equal(read_image(path), picture("RGB").pixels)

    def test_of_the_resolution_leaves_it_out(self):
        for dpi in [(0, 0), (1, 1), (float("nan"), 72), (float("inf"), 72), (1e9, 72), (72,), "no", None, 72]:
            image = Image.fromarray(SMOOTH)
            image.info["dpi"] = dpi
            assert from_pil(image).metadata.dpi is None


@pytest.mark.stranger("17.A.9")
@pytest.mark.parametrize("name", ["inks.jpg", "inks.tif"])
def test_a_picture_of_inks_has_the_colors_that_its_profile_says_and_loses_it_without_a_warning(name, save, caplog):
    inks = np.zeros((16, 32, 4), np.uint8)
    inks[:, 16:, 3] = 255  # nothing but black ink; the left half is paper
    path = save(name, Image.fromarray(inks, "CMYK"), icc_profile=INK_PROFILE)
    picture = read_picture(path)
    for read in (picture.pixels, read_image(path), from_pil(Image.open(path)).pixels):
        assert np.abs(read[8, 8].astype(int) - 255).max() <= 1
        assert np.abs(read[8, 24].astype(int) - 40).max() <= 2  # L* 16 in sRGB
    assert (picture.metadata.icc, picture.stored_as) == (b"", "CMYK")
    assert not caplog.records


@pytest.mark.parametrize("told", [{}, {"icc_profile": CMYK_PROFILE}], ids=["none", "damaged"])
def test_without_a_profile_inks_are_mixed_as_pillow_does(told, save):
    image = Image.fromarray(photo(16, 32)).convert("CMYK")
    assert np.array_equal(read_picture(save("inks.tif", image, **told)).pixels, np.asarray(image.convert("RGB")))
