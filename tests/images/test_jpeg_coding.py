"""A JPEG is written as its source was."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inlay.images import Metadata, Picture, read_picture
from tests.images.described import exif, opened, wrote
from tests.images.files import SMOOTH, photo, picture


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
