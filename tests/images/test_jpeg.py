"""A JPEG is written as its source was; damaged pixels are told, and endless scans refused."""

import io
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFile

from inlay.data.datasets import Folder
from inlay.data.pictures import decode_picture
from inlay.data.prepare import prepare, read_refused
from inlay.errors import BadFile, InlayError
from inlay.images import Metadata, Picture, from_pil, picture_size, read_image, read_mask, read_picture
from inlay.images.jpeg import capture_libjpeg_warnings
from tests.images.described import exif, opened, wrote
from tests.images.files import SMOOTH, photo, picture

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 40, 3)).astype(np.uint8))


def jpeg(**options):
    file = io.BytesIO()
    NOISE.save(file, "JPEG", **options)
    return file.getvalue()


def with_scans(count):
    """A progressive picture whose last scan comes again and again."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (count - data.count(b"\xff\xda") + 1) + b"\xff\xd9"


@pytest.mark.stranger("A.9")
@pytest.mark.parametrize("read", [read_picture, read_image, read_mask, decode_picture])
@pytest.mark.parametrize("count", [101, 20_010])
def test_more_scans_than_a_hundred_are_refused_before_decoding(read, count, tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(with_scans(count))
    monkeypatch.setattr("inlay.images.decoding.cv2.imdecode", None)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(BadFile, match=rf"{count:,} scans, .* save it anew"):
        read(tmp_path / "a.jpg")
    with pytest.raises(InlayError, match=f"{count:,} scans"):
        from_pil(Image.open(io.BytesIO(with_scans(count))))


@pytest.mark.parametrize("count", [10, 100])
def test_usual_ones_are_read(count, tmp_path):
    (tmp_path / "a.jpg").write_bytes(with_scans(count))
    assert read_image(tmp_path / "a.jpg").shape == (*picture_size(tmp_path / "a.jpg"), 3)


def test_what_looks_like_a_scan_in_a_profile_is_none(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(icc_profile=b"\xff\xda" * 60_000, comment=b"\xff\xda" * 1000))
    assert read_image(tmp_path / "a.jpg").shape == (32, 40, 3)


@pytest.mark.stranger("A.9")
def test_one_color_a_scan_can_be_many_scans_without_being_progressive(tmp_path):
    data = jpeg(streamtype=0)
    head = data.index(b"\xff\xda")
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 9
    (tmp_path / "a.jpg").write_bytes(data[:head] + scan * 101 + b"\xff\xd9")
    with pytest.raises(BadFile, match="101 scans"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.stranger("A.9")
def test_scans_in_a_tiff_are_counted_part_by_part(tmp_path):
    tall = NOISE.resize((40, 8000))
    tall.save(tmp_path / "many.tif", compression="jpeg", strip_size=40 * 3 * 8)
    assert (tmp_path / "many.tif").read_bytes().count(b"\xff\xda") > 100
    assert read_image(tmp_path / "many.tif").shape == (8000, 40, 3)
    NOISE.save(tmp_path / "a.tif", compression="jpeg")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with Image.open(tmp_path / "a.tif") as file:
        lengths = file.tag_v2[279]
    bomb = with_scans(101)
    at = data.index(lengths[0].to_bytes(4, "little"), data.index(b"\x17\x01\x04\x00\x01\x00\x00\x00"))  # tag 279
    data[at : at + 4] = len(bomb).to_bytes(4, "little")
    where = data.index(b"\x11\x01\x04\x00\x01\x00\x00\x00") + 8  # tag 273
    data[where : where + 4] = len(data).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(data + bomb)
    with pytest.raises(BadFile, match="101 scans"):
        read_image(tmp_path / "a.tif")


def damaged(path, mode="RGB"):
    """Half of the coded pixels are lost, and the end is that of a whole file."""
    data = io.BytesIO()
    Image.fromarray(photo(120, 160)).convert(mode).save(data, "JPEG", quality=90)
    path.write_bytes(data.getvalue()[: len(data.getvalue()) // 2] + b"\xff\xd9")
    return path


@pytest.mark.stranger("17.A.7")
class TestADamagedJpegThatEndsAsItShould:
    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    def test_is_read_and_doubted(self, mode, tmp_path):
        picture = read_picture(damaged(tmp_path / "a.jpg", mode))
        assert picture.size == (120, 160)
        assert "pixels are damaged (libjpeg: Corrupt JPEG data" in picture.damage

    def test_is_named_once_however_often_it_is_read(self, tmp_path, caplog, capfd):
        path = damaged(tmp_path / "a.jpg")
        for _ in range(3):
            read_image(path, 16)
        read_mask(path)
        assert [str(path) in record.getMessage() for record in caplog.records] == [True]
        assert "Corrupt" not in capfd.readouterr().err

    def test_is_refused_by_an_index_or_kept_and_named_where_that_is_asked_for(self, tmp_path):
        root, index = tmp_path / "root", tmp_path / "index.jsonl"
        root.mkdir()
        damaged(root / "a.jpg")
        Image.fromarray(photo(40, 40)).save(root / "b.jpg")
        report = prepare(Folder(), root, index, 0)
        assert (report.kept, [refused.file for refused in report.refused]) == (1, ["a.jpg"])
        assert "data.on_damaged=keep" in read_refused(index)[0].reason
        report = prepare(Folder(), root, tmp_path / "other.jsonl", 0, on_damaged="keep")
        assert report.kept == 2
        assert "kept a.jpg: its pixels are damaged" in str(report)
        with pytest.raises(InlayError, match=r"data\.on_damaged must be 'refuse' or 'keep', got 'drop'"):
            prepare(Folder(), root, index, 0, on_damaged="drop")


def test_a_sound_jpeg_is_not_doubted(tmp_path):
    for mode in ("RGB", "L", "CMYK"):
        Image.fromarray(photo(40, 50)).convert(mode).save(tmp_path / "a.jpg")
        assert read_picture(tmp_path / "a.jpg").damage == ""


class TestOverhearing:
    def test_lets_through_what_others_say_and_is_clean_again_each_time(self, capfd):
        said = b"Corrupt JPEG data: bad Huffman code\n"
        answer, damage = capture_libjpeg_warnings(lambda: os.write(2, b"others\n" + said + b"more\n"))
        assert answer == len(said) + 12
        assert "bad Huffman code" in damage
        assert capture_libjpeg_warnings(lambda: os.write(2, b"one\n"))[1] == ""
        assert capture_libjpeg_warnings(lambda: os.write(2, b"Premature end of JPEG file\n"))[1]
        assert capfd.readouterr().err == "others\nmore\none\n"

    def test_gives_stderr_back_after_an_error(self, capfd):
        def broken():
            os.write(2, b"before\n")
            raise ValueError("no picture")

        with pytest.raises(ValueError, match="no picture"):
            capture_libjpeg_warnings(broken)
        os.write(2, b"after\n")
        assert capfd.readouterr().err.endswith("after\n")

    def test_goes_without_a_stderr(self):
        terminal = os.dup(2)
        try:
            os.close(2)
            assert capture_libjpeg_warnings(lambda: np.zeros(1).size) == (1, "")
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


class TestJpegCoding:
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    @pytest.mark.parametrize("quality", [30, 75, 90, 100])
    @pytest.mark.parametrize("subsampling", [0, 1, 2])
    def test_is_that_of_the_source(self, mode, quality, subsampling, tmp_path):
        Image.fromarray(photo(40, 56)).convert(mode).save(tmp_path / "in.jpg", quality=quality, subsampling=subsampling)
        source, out = opened(tmp_path / "in.jpg"), opened(wrote(tmp_path, ".jpg", read_picture(tmp_path / "in.jpg")))
        assert out.quantization == source.quantization
        assert mode == "L" or out.layer == source.layer

    def test_has_tables_for_each_component(self, tmp_path):
        tables = [list(range(start, start + 64)) for start in (1, 20, 40)]
        for given in (tables, tables[:1], [tables[0], tables[1], tables[0]]):
            Image.fromarray(SMOOTH).save(tmp_path / "in.jpg", qtables=given)
            out = opened(wrote(tmp_path, ".jpg", read_picture(tmp_path / "in.jpg")))
            assert out.quantization == dict(enumerate(given))

    def test_may_be_of_colors(self, tmp_path):
        Image.fromarray(photo(40, 56)).save(tmp_path / "in.jpg", keep_rgb=True, quality=60)
        source = read_picture(tmp_path / "in.jpg")
        out = opened(wrote(tmp_path, ".jpg", source))
        assert source.metadata.jpeg.rgb
        assert out.layer == opened(tmp_path / "in.jpg").layer
        assert np.abs(np.asarray(out).astype(int) - source.pixels).max() <= 1

    def test_is_turned_with_the_picture(self, tmp_path):
        """Height and width are whole blocks here: turned and written, they lie where they lay."""
        for orientation in range(1, 9):
            turned = exif(orientation)
            options = {"quality": 50, "subsampling": 0, "exif": b"Exif\0\0" + turned}
            Image.fromarray(photo(64, 96)).save(tmp_path / "in.jpg", **options)
            source = read_picture(tmp_path / "in.jpg")
            back = read_picture(wrote(tmp_path, ".jpg", source))
            assert np.abs(back.pixels.astype(int) - source.pixels).max() <= 3

    def test_leaves_unfilled_blocks_nearly_as_they_were(self, tmp_path):
        Image.fromarray(photo(96, 128)).save(tmp_path / "in.jpg", quality=60, subsampling=0)
        source = read_picture(tmp_path / "in.jpg")
        hole = np.zeros(source.size, bool)
        hole[40:56, 48:80] = True  # whole blocks
        filled = source.filled(np.zeros((*source.size, 3)), hole)

        def change(picture):
            back = read_picture(wrote(tmp_path, ".jpg", picture))
            return np.abs(back.pixels.astype(int) - source.pixels)[~hole].max()

        assert change(filled) <= 3
        assert change(replace(filled, metadata=Metadata())) <= 12
        assert (tmp_path / "out.jpg").stat().st_size > 1.5 * (tmp_path / "in.jpg").stat().st_size

    def test_is_quality_95_for_what_was_no_jpeg(self, tmp_path):
        Image.fromarray(SMOOTH).save(tmp_path / "expected.jpg", quality=95, subsampling=0)
        assert wrote(tmp_path, ".jpg", Picture(SMOOTH)).read_bytes() == (tmp_path / "expected.jpg").read_bytes()

    def test_of_color_gives_gray_its_luminance(self, tmp_path):
        Image.fromarray(SMOOTH).save(tmp_path / "in.jpg", quality=20)
        gray = replace(read_picture(tmp_path / "in.jpg"), pixels=picture("L").pixels)
        out = opened(wrote(tmp_path, ".jpg", gray))
        assert (out.mode, out.quantization) == ("L", {0: opened(tmp_path / "in.jpg").quantization[0]})
