"""EXIF comes through byte by byte, and nothing of what was painted over."""

import logging
import struct

import numpy as np
import pytest
import tifffile
from PIL.PngImagePlugin import PngInfo

from inlay.errors import BadFile
from inlay.images import read_image, read_picture, write_picture
from tests.images.described import NOTE, THUMBNAIL, XMP, described, exif, fields_of, opened, raw_fields, wrote
from tests.images.files import SIZE, SMOOTH


@pytest.mark.parametrize("order", ["<", ">"])
def test_fields_keep_their_type_and_their_bytes(order, save, tmp_path):
    given = exif(order=order)
    kept = read_picture(save(exif=b"Exif\0\0" + given))
    for suffix in (".jpg", ".png", ".webp"):
        out = opened(wrote(tmp_path, suffix, kept)).info["exif"].removeprefix(b"Exif\0\0")
        assert out[:2] == given[:2]
        assert raw_fields(out) == raw_fields(given)
        assert NOTE in out
    in_tiff = raw_fields(wrote(tmp_path, ".tif", kept).read_bytes())
    assert {tag: in_tiff[tag] for tag in raw_fields(given)} == raw_fields(given)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_width_and_height_are_turned_with_the_picture(suffix, save):
    paths = (save(f"in{turn}{suffix}", exif=b"Exif\0\0" + exif(turn), dpi=(240, 120)) for turn in (3, 6))
    lying, standing = (read_picture(path).metadata for path in paths)
    for kept, (across, along) in ((lying, (0, 1)), (standing, (1, 0))):
        found = fields_of(kept.exif)
        assert (found[0x8769][0xA002 + across], found[0x8769][0xA002 + along]) == (4000, 3000)
        assert (found[0][0x011A + across], found[0][0x011A + along]) == (240, 120)
    if suffix == ".jpg":  # WebP has none besides that of EXIF
        assert (lying.dpi, standing.dpi) == ((240, 120), (120, 240))


def test_exif_of_an_old_png_is_found(save):
    told = b"Exif\0\0" + exif(6)
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(told):8d}\n{told.hex()}\n", zip=True)
    read = read_picture(save("in.png", pnginfo=text))
    assert read.size == SIZE[::-1]
    assert fields_of(read.metadata.exif)[0][0x010F] == "Nikon"


class TestNothingOfWhatWasPaintedOver:
    """An editor that leaves the thumbnail in shows what was taken out of the picture."""

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_is_left_in_a_thumbnail(self, suffix, order, save, tmp_path):
        path = save(exif=b"Exif\0\0" + exif(thumbnail=THUMBNAIL, order=order))
        assert THUMBNAIL in path.read_bytes()
        out = wrote(tmp_path, suffix, read_picture(path)).read_bytes()
        assert THUMBNAIL[4:100] not in out
        assert NOTE in out

    def test_is_left_in_a_makers_note(self, save):
        told = exif(note=NOTE + THUMBNAIL)
        kept = fields_of(read_picture(save(exif=b"Exif\0\0" + told)).metadata.exif)
        assert kept[0x8769] == {tag: value for tag, value in fields_of(told)[0x8769].items() if tag != 0x927C}

    def test_is_left_in_photoshops_layers_and_sub_images(self, tmp_path):
        secret = bytes(range(100, 200))
        tags = [(code, 7, None, secret, True) for code in (0x8649, 0x935C)]
        with tifffile.TiffWriter(tmp_path / "in.tif") as file:
            file.write(SMOOTH, photometric="rgb", extratags=tags, subifds=1, description="kept", metadata=None)
            file.write(SMOOTH[::2, ::2], photometric="rgb", subfiletype=1)
        assert (tmp_path / "in.tif").read_bytes().count(secret) == 2
        kept = read_picture(tmp_path / "in.tif")
        assert fields_of(kept.metadata.exif)[0][0x010E] == "kept"
        out = wrote(tmp_path, ".tif", kept)
        assert secret not in out.read_bytes()
        assert not {0x8649, 0x935C, 0x014A} & raw_fields(out.read_bytes()).keys()

    @pytest.mark.parametrize("other", [b"xmpGImg:image", b"GImage:Data", b"hdrgm:Version", b"xmpNote:HasExtendedXMP"])
    def test_is_left_in_xmp(self, other, save, caplog):
        assert read_picture(save(xmp=(XMP % 1).replace(b"tiff:Make", other))).metadata.xmp == b""
        assert "in.jpg: its XMP is damaged, or tells of further pictures" in caplog.text


class TestDamage:
    """Of what is said of a picture; it can be read all the same."""

    @pytest.mark.parametrize("damaged", [b"no tags at all", b"II*\0", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\6\0"])
    @pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.webp"])
    def test_leaves_exif_out(self, save, name, damaged, caplog):
        path = save(name, exif=b"Exif\0\0" + damaged)
        read = read_picture(path)
        assert (read.size, read.metadata.exif) == (SIZE, b"")
        assert read_image(path).shape == (*SIZE, 3)
        assert f"{name}: its EXIF cannot be read" in caplog.text or "fields of its EXIF cannot be read" in caplog.text

    def test_leaves_single_fields_out(self, save, caplog):
        told = exif()
        place = told.index(struct.pack("<HH", 0x013B, 2))  # the artist's address
        told = told[: place + 8] + b"\xff\xff\xff\0" + told[place + 12 :]
        read = fields_of(read_picture(save(exif=b"Exif\0\0" + told)).metadata.exif)
        expected = fields_of(exif())
        del expected[0][0x013B]
        assert read == expected
        assert "in.jpg: 1 fields of its EXIF cannot be read" in caplog.text

    def test_that_would_fill_the_memory_is_stopped(self, save):
        entries = b"".join(struct.pack("<HHII", 0x8000 + n, 7, 50_000, 8) for n in range(5000) if 0x8000 + n < 0x8600)
        told = b"II*\0" + struct.pack("<IH", 8, len(entries) // 12) + entries + bytes(60_000 - len(entries))
        assert len(read_picture(save(exif=b"Exif\0\0" + told)).metadata.exif) < 65_000

    def test_anywhere_in_exif_never_makes_a_picture_unreadable(self, save, tmp_path, rng, caplog):
        caplog.set_level(logging.ERROR)
        whole = exif(orientation=6, thumbnail=THUMBNAIL)
        sizes = set()
        for _ in range(60):
            some = np.frombuffer(whole, np.uint8).copy()
            some[rng.integers(0, len(some) - len(THUMBNAIL), 6)] = rng.integers(0, 256, 6)
            read = read_picture(save(exif=b"Exif\0\0" + some.tobytes()))
            sizes.add(read.size)
            assert read_picture(wrote(tmp_path, ".png", read)).size == read.size
        assert SIZE[::-1] in sizes

    def test_of_the_tags_of_a_tiff_leaves_the_picture_or_refuses_it_by_name(self, tmp_path, rng, caplog):
        caplog.set_level(logging.ERROR)
        path = wrote(tmp_path, ".tif", described("RGB"))
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        read = 0
        for _ in range(30):
            some = whole.copy()
            some[-rng.integers(1, 900, 3)] = rng.integers(0, 256, 3)
            path.write_bytes(some.tobytes())
            try:
                write_picture(tmp_path / "again.tif", read_picture(path, max_pixels=10_000))
                read += 1
            except BadFile:
                pass
        assert read > 5
