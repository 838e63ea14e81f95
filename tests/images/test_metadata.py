"""What a file says of its picture comes through."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from inlay.images import from_pil, read_image, read_picture
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
    wrote,
)
from tests.images.files import SIZE, SMOOTH, by_the_book, photo, picture, png

DEEP = ["L16", "RGB16", "RGBA16"]
FILES = [
    *((".jpg", mode) for mode in ("L", "RGB")),
    *((".webp", mode) for mode in ("RGB", "RGBA")),
    *((suffix, mode) for suffix in (".png", ".tif") for mode in ["L", "LA", "RGB", "RGBA", *DEEP]),
]
EVERY_FILE = pytest.mark.parametrize(("suffix", "mode"), FILES)


@EVERY_FILE
class TestAWrittenFile:
    def test_has_the_pixels_and_the_metadata_that_it_was_given(self, suffix, mode, tmp_path):
        given = described(mode)
        back = read_picture(wrote(tmp_path, suffix, given))
        assert suffix == ".jpg" or np.array_equal(back.pixels, given.pixels)
        assert back.metadata.icc == given.metadata.icc
        assert back.metadata.xmp == given.metadata.xmp
        for directory, expected in fields_of(given.metadata.exif).items():
            assert fields_of(back.metadata.exif)[directory].items() >= expected.items()
        if suffix != ".webp":  # has no resolution besides that of EXIF
            assert np.allclose(back.metadata.dpi, (240, 120), atol=0.01)

    def test_shows_them_to_pillow(self, suffix, mode, tmp_path):
        path, given = wrote(tmp_path, suffix, described(mode)), described(mode).metadata
        seen, expected = fields(path), fields_of(given.exif)
        info = opened(path).info
        assert (info["icc_profile"], info["xmp"].rstrip(b"\0")) == (given.icc, given.xmp)
        assert seen.keys() == expected.keys()
        for directory, inside in expected.items():
            assert inside
            assert {tag: seen[directory].get(tag) for tag in inside} == inside

    def test_has_none_where_there_were_none(self, suffix, mode, tmp_path):
        back = read_picture(wrote(tmp_path, suffix, picture(mode))).metadata
        assert (back.icc, back.xmp, back.dpi) == (b"", b"", None)
        assert not any(fields_of(back.exif).values()) if suffix != ".tif" and back.exif else True


class TestThePng:
    """Of 16-bit colors: encoded by OpenCV, which leaves the metadata out."""

    @pytest.mark.parametrize("mode", ["RGB16", "RGBA16", "RGB"])
    def test_has_the_chunks_before_the_pixels_and_they_are_sound(self, mode, tmp_path):
        chunks = png_chunks(wrote(tmp_path, ".png", described(mode)))
        names = [name for name, _ in chunks]
        found = dict(chunks)
        told = {b"iCCP", b"pHYs", b"eXIf", b"iTXt"}
        assert names[0] == b"IHDR"
        assert set(names[1 : names.index(b"IDAT")]) >= told
        assert all(names.count(name) == 1 for name in told)
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
class TestOrientation:
    @pytest.fixture
    def source(self, suffix, tmp_path):
        def source(orientation):
            path = tmp_path / f"in{suffix}"
            told = {"exif": exif(orientation), "xmp": XMP % orientation, "dpi": (240, 120)}
            if suffix in (".jpg", ".webp"):
                options = {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {"lossless": True}
                told["exif"] = b"Exif\0\0" + told["exif"]
                Image.fromarray(SMOOTH).save(path, **told, **options)
            elif suffix == ".png":
                path.write_bytes(png(picture("RGB16").pixels, orientation=orientation))
            else:
                tags = [(0x0112, 3, 1, orientation, True), (700, 1, None, XMP % orientation, True)]
                tifffile.imwrite(path, picture("RGB16").pixels, photometric="rgb", extratags=tags)
            return path

        return source

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("into", [".png", ".tif"])
    def test_is_applied_once_and_then_1(self, source, orientation, into, tmp_path):
        path = source(orientation)
        upright = read_picture(path)
        assert np.array_equal(upright.rgb8(), read_image(path))
        out = wrote(tmp_path, into, upright)
        assert fields(out)[0].get(0x0112, 1) == 1
        assert b'tiff:Orientation="1"' in upright.metadata.xmp or path.suffix == ".png"
        assert np.array_equal(read_picture(out).pixels, upright.pixels)
        again = wrote(tmp_path, into, read_picture(out))
        assert np.array_equal(read_picture(again).pixels, upright.pixels)
        if upright.peak == 255:
            assert np.array_equal(by_the_book(out), by_the_book(path))


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

    def test_turns_it_once_where_there_is_no_exif(self, tmp_path):
        Image.fromarray(SMOOTH).save(tmp_path / "in.jpg", xmp=XMP % 6, quality=100, subsampling=0)
        upright = read_picture(tmp_path / "in.jpg")
        assert upright.size == SIZE[::-1]
        assert np.array_equal(by_the_book(wrote(tmp_path, ".png", upright)), upright.pixels)


class TestProfiles:
    @pytest.mark.parametrize(
        ("mode", "profile"),
        [("RGB", RGB_PROFILE), ("L", GRAY_PROFILE), ("P", RGB_PROFILE), ("1", GRAY_PROFILE)],
        ids=["color", "gray", "palette", "bits"],
    )
    def test_of_the_color_space_of_the_pixels_are_kept(self, mode, profile, tmp_path):
        Image.fromarray(SMOOTH).convert(mode).save(tmp_path / "in.png", icc_profile=profile)
        assert read_picture(tmp_path / "in.png").metadata.icc == profile

    @pytest.mark.parametrize(
        ("mode", "name", "profile"),
        [
            ("CMYK", "in.jpg", CMYK_PROFILE),
            ("CMYK", "in.tif", CMYK_PROFILE),
            ("L", "in.jpg", RGB_PROFILE),
            ("RGB", "in.png", GRAY_PROFILE),
        ],
    )
    def test_of_another_are_left_out(self, mode, name, profile, tmp_path, caplog):
        Image.fromarray(SMOOTH).convert(mode).save(tmp_path / name, icc_profile=profile)
        assert read_picture(tmp_path / name).metadata.icc == b""
        assert (
            f"{name}: its color profile is damaged, or not for {'GRAY' if mode == 'L' else 'RGB'} pixels" in caplog.text
        )

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
    assert "JPEG cannot hold 66" in caplog.text
    assert "bytes of EXIF; they were left out" in caplog.text
    assert "bytes of XMP; they were left out" in caplog.text


def test_what_is_filled_keeps_the_metadata_and_training_looks_at_none(tmp_path, monkeypatch):
    given = described("RGB")
    assert given.filled(np.zeros((*SIZE, 3)), np.ones(SIZE, bool)).metadata == given.metadata
    path = wrote(tmp_path, ".png", given)
    monkeypatch.setattr("inlay.images.reading.collect", None)
    assert np.array_equal(read_image(path), given.pixels)
    with pytest.raises(TypeError):
        read_picture(path)


def test_real_photographs_keep_theirs(shared_data, tmp_path):
    from inlay.images import find_images

    told = 0
    for path in find_images(shared_data / "pets/images").pictures[::150]:
        back = read_picture(wrote(tmp_path, ".jpg", read_picture(path)))
        source = opened(path)
        assert back.metadata.icc == source.info.get("icc_profile", b"")
        assert opened(tmp_path / "out.jpg").quantization == source.quantization or source.getexif().get(0x0112, 1) > 4
        told += bool(source.info.get("exif"))
        buffer = io.BytesIO()
        ImageOps.exif_transpose(source).save(buffer, "PNG")
        assert back.size == Image.open(buffer).size[::-1]


class TestDamage:
    """Of what is said of a picture; it can be read all the same."""

    @pytest.fixture
    def write(self, tmp_path):
        def write(name="in.jpg", **told):
            Image.fromarray(SMOOTH).save(tmp_path / name, **told)
            return tmp_path / name

        return write

    @pytest.mark.parametrize("profile", [b"no profile", RGB_PROFILE[:300], RGB_PROFILE[:36] + b"????" + bytes(200)])
    @pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.webp", "in.tif"])
    def test_leaves_a_profile_out(self, write, name, profile, caplog):
        read = read_picture(write(name, icc_profile=profile))
        assert (read.size, read.metadata.icc) == (SIZE, b"")
        assert f"{name}: its color profile is damaged" in caplog.text

    def test_leaves_out_a_profile_that_png_cannot_unpack(self, write):
        path = write("in.png", icc_profile=RGB_PROFILE)
        data = path.read_bytes()
        start, length = data.index(b"iCCP"), struct.unpack_from(">I", data, data.index(b"iCCP") - 4)[0]
        chunk = data[start : start + 30] + bytes(length - 26)
        path.write_bytes(data[:start] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[start + 8 + length :])
        assert read_picture(path).metadata.icc == b""
        assert np.array_equal(read_image(path), SMOOTH)

    def test_of_the_resolution_leaves_it_out(self):
        for dpi in [(0, 0), (1, 1), (float("nan"), 72), (float("inf"), 72), (1e9, 72), (72,), "no", None, 72]:
            image = Image.fromarray(SMOOTH)
            image.info["dpi"] = dpi
            assert from_pil(image).metadata.dpi is None


INKS = np.zeros((16, 32, 4), np.uint8)
INKS[:, 16:, 3] = 255  # nothing but black ink; the left half is paper


@pytest.mark.stranger("17.A.9")
class TestAPictureOfInksWithItsProfile:
    @pytest.fixture(params=["inks.jpg", "inks.tif"])
    def path(self, request, tmp_path):
        Image.fromarray(INKS, "CMYK").save(tmp_path / request.param, icc_profile=INK_PROFILE)
        return tmp_path / request.param

    def test_has_the_colors_that_it_says(self, path):
        for read in (read_picture(path).pixels, read_image(path), from_pil(Image.open(path)).pixels):
            assert np.abs(read[8, 8].astype(int) - 255).max() <= 1
            assert np.abs(read[8, 24].astype(int) - 40).max() <= 2  # L* 16 in sRGB

    def test_loses_the_profile_which_has_done_its_work_without_a_warning(self, path, caplog):
        picture = read_picture(path)
        assert (picture.metadata.icc, picture.stored_as) == (b"", "CMYK")
        assert not caplog.records


@pytest.mark.parametrize("told", [{}, {"icc_profile": CMYK_PROFILE}], ids=["none", "damaged"])
def test_without_a_profile_inks_are_mixed_as_pillow_does(told, tmp_path):
    image = Image.fromarray(photo(16, 32)).convert("CMYK")
    image.save(tmp_path / "inks.tif", **told)
    assert np.array_equal(read_picture(tmp_path / "inks.tif").pixels, np.asarray(image.convert("RGB")))
