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
from inlay.images import Metadata, Picture, from_pil, read_image, read_mask, read_picture
from inlay.images.jpeg import capture_libjpeg_warnings
from tests.images.described import exif, opened, wrote
from tests.images.files import SMOOTH, photo, picture

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 40, 3)).astype(np.uint8))


def jpeg(image=NOISE, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def with_scans(count):
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


def test_usual_ones_and_what_looks_like_them_in_a_profile_are_read(tmp_path):
    for data in (with_scans(10), with_scans(100), jpeg(icc_profile=b"\xff\xda" * 60_000, comment=b"\xff\xda" * 1000)):
        (tmp_path / "a.jpg").write_bytes(data)
        assert read_image(tmp_path / "a.jpg").shape == (32, 40, 3)


@pytest.mark.stranger("A.9")
def test_one_color_a_scan_can_be_many_scans_without_being_progressive(tmp_path):
    data = jpeg(streamtype=0)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(9)
    (tmp_path / "a.jpg").write_bytes(data[: data.index(b"\xff\xda")] + scan * 101 + b"\xff\xd9")
    with pytest.raises(BadFile, match="101 scans"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.stranger("A.9")
def test_scans_in_a_tiff_are_counted_part_by_part(save):
    path = save("many.tif", NOISE.resize((40, 8000)), compression="jpeg", strip_size=40 * 3 * 8)
    assert path.read_bytes().count(b"\xff\xda") > 100
    assert read_image(path).shape == (8000, 40, 3)
    path = save("a.tif", NOISE, compression="jpeg")
    data, bomb = bytearray(path.read_bytes()), with_scans(101)
    for tag, value in ((b"\x17\x01", len(bomb)), (b"\x11\x01", len(data))):  # length and place of the only strip
        at = data.index(tag + b"\x04\x00\x01\x00\x00\x00") + 8
        data[at : at + 4] = value.to_bytes(4, "little")
    path.write_bytes(data + bomb)
    with pytest.raises(BadFile, match="101 scans"):
        read_image(path)


def damaged(path, mode="RGB"):
    """Half of the coded pixels are lost, and the end is that of a whole file."""
    data = jpeg(Image.fromarray(photo(120, 160)).convert(mode), quality=90)
    path.write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    return path


@pytest.mark.stranger("17.A.7")
class TestADamagedJpegThatEndsAsItShould:
    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    def test_is_read_and_doubted_and_a_sound_one_is_not(self, mode, tmp_path, save):
        picture = read_picture(damaged(tmp_path / "a.jpg", mode))
        assert picture.size == (120, 160)
        assert "pixels are damaged (libjpeg: Corrupt JPEG data" in picture.damage
        assert read_picture(save("a.jpg", photo(40, 50), mode)).damage == ""

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
        with pytest.raises(ZeroDivisionError):
            capture_libjpeg_warnings(lambda: os.write(2, b"before\n") / 0)
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
    @pytest.fixture
    def copied(self, save, tmp_path):

        def copied(*pixels, **options):
            path = save("in.jpg", *pixels, **options)
            return opened(path), (read := read_picture(path)), opened(wrote(tmp_path, ".jpg", read))

        return copied

    @pytest.mark.parametrize("mode", ["RGB", "L"])
    @pytest.mark.parametrize("quality", [30, 75, 90, 100])
    @pytest.mark.parametrize("subsampling", [0, 1, 2])
    def test_is_that_of_the_source(self, copied, mode, quality, subsampling):
        source, _, out = copied(photo(40, 56), mode, quality=quality, subsampling=subsampling)
        assert out.quantization == source.quantization
        assert mode == "L" or out.layer == source.layer

    def test_has_tables_for_each_component(self, copied):
        tables = [list(range(start, start + 64)) for start in (1, 20, 40)]
        for given in (tables, tables[:1], [tables[0], tables[1], tables[0]]):
            assert copied(qtables=given)[2].quantization == dict(enumerate(given))

    def test_may_be_of_colors(self, copied):
        source, read, out = copied(photo(40, 56), keep_rgb=True, quality=60)
        assert read.metadata.jpeg.rgb
        assert out.layer == source.layer
        assert np.abs(np.asarray(out).astype(int) - read.pixels).max() <= 1

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_is_turned_with_the_picture(self, copied, orientation):
        """Height and width are whole blocks here: turned and written, they lie where they lay."""
        _, read, out = copied(photo(64, 96), quality=50, subsampling=0, exif=b"Exif\0\0" + exif(orientation))
        assert np.abs(np.asarray(out).astype(int) - read.pixels).max() <= 3

    def test_leaves_unfilled_blocks_nearly_as_they_were(self, save, tmp_path):
        path = save("in.jpg", photo(96, 128), quality=60, subsampling=0)
        source = read_picture(path)
        hole = np.pad(np.ones((16, 32), bool), ((40, 40), (48, 48)))  # whole blocks
        filled = source.filled(np.zeros((*source.size, 3)), hole)
        for given, most in ((filled, 3), (replace(filled, metadata=Metadata()), 12)):
            out = wrote(tmp_path, ".jpg", given)
            assert np.abs(read_picture(out).pixels.astype(int) - source.pixels)[~hole].max() <= most
        assert out.stat().st_size > 1.5 * path.stat().st_size

    def test_is_quality_95_for_what_was_no_jpeg(self, save, tmp_path):
        expected = save("expected.jpg", quality=95, subsampling=0)
        assert wrote(tmp_path, ".jpg", Picture(SMOOTH)).read_bytes() == expected.read_bytes()

    def test_of_color_gives_gray_its_luminance(self, save, tmp_path):
        path = save(quality=20)
        out = opened(wrote(tmp_path, ".jpg", replace(read_picture(path), pixels=picture("L").pixels)))
        assert (out.mode, out.quantization) == ("L", {0: opened(path).quantization[0]})
