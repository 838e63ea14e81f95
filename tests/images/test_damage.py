"""JPEGs whose pixels are damaged although they end as they should."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from inlay.data.datasets import Folder
from inlay.data.prepare import prepare, read_refused
from inlay.errors import InlayError
from inlay.images import read_image, read_mask, read_picture
from inlay.images.jpeg import capture_libjpeg_warnings
from tests.images.files import photo


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
