"""Pixels, what is done with them, and pictures side by side."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from inlay.errors import InlayError
from inlay.images import Picture, contact_sheet, from_pil, labeled, mask_of, read_picture
from inlay.images.picture import bands
from tests.images.described import described, fields_of, wrote
from tests.images.files import EIGHT, MODES, SIZE, exif, peak_memory, picture, written


@pytest.mark.parametrize("mode", MODES)
def test_filled_has_the_known_pixels_and_in_the_hole_opaque_colors_in_range(mode, rng):
    hole, given = rng.random(SIZE) < 0.4, picture(mode)
    gray = np.repeat(rng.random((*SIZE, 1)).astype(np.float32), 3, axis=2)
    filled = given.filled(gray, hole)
    assert np.array_equal(filled.pixels[~hole], given.pixels[~hole])
    assert (filled.mode, filled.pixels.shape) == (mode, given.pixels.shape)
    assert np.abs(filled.rgb()[hole] - gray[hole]).max() <= 0.5 / filled.peak + 1e-6
    assert "A" not in mode or (filled.pixels[hole][:, -1] == filled.peak).all()
    for outside, clipped in ((7.0, 1), (-7.0, 0)):
        assert (given.filled(np.full((*SIZE, 3), outside), hole).rgb()[hole] == clipped).all()


def test_a_filled_picture_gets_the_luminance_if_gray_and_looks_at_the_hole_alone(rng):
    green = np.zeros((*SIZE, 3), np.float32) + np.float32([0, 1, 0])
    assert (picture("L").filled(green, np.ones(SIZE, bool)).pixels == round(0.587 * 255)).all()
    hole = rng.random(SIZE) < 0.4
    colors = np.where(hole[..., None], [0.5, 0.5, 0.5], np.nan)
    assert (picture("RGB").filled(colors, hole).pixels[hole] == 128).all()


def test_16_bits_are_rounded_to_the_nearest_of_8():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    assert np.array_equal(Picture(every).rgb8()[..., 0], np.rint(every[..., 0] / 257))


@pytest.mark.parametrize("size", [(3000, 1000), (5, 2_000_000), (1, 1)])
def test_bands_are_all_rows_once(size):
    rows = list(bands(*size))
    assert np.array_equal(np.concatenate([np.arange(size[0])[band] for band in rows]), np.arange(size[0]))
    assert all(band.stop - band.start == 1 or (band.stop - band.start) * size[1] <= 2**20 for band in rows)


class TestMemory:
    """Of a picture of 6 megabytes: what is made on the way is as large as a part of it, however large it is."""

    large = Picture(np.full((1000, 2000, 3), 100, np.uint8))

    def test_to_read_is_the_picture_and_pillows(self, tmp_path, monkeypatch):
        monkeypatch.setattr("inlay.images.picture._BAND", 2**17)
        for suffix in (".png", ".bmp", ".tif"):
            path = wrote(tmp_path, suffix, self.large)
            read_picture(path)
            assert peak_memory(read_picture, path) < 1.4 * 6e6

    def test_to_fill_is_the_result_and_to_cut_a_mask_is_the_mask(self, monkeypatch):
        monkeypatch.setattr("inlay.images.picture._BAND", 2**15)
        colors, hole = np.full((1000, 2000, 3), 0.5, np.float32), np.pad(np.ones((800, 1800), bool), 100)
        assert peak_memory(self.large.filled, colors, hole) < 1.4 * 6e6
        assert peak_memory(mask_of, self.large) < (1 / 3 + 0.2) * 6e6


class TestPillow:
    @pytest.mark.parametrize("name", [*EIGHT, "gray16.png", "gray16.tif"])
    @pytest.mark.parametrize("orientation", [1, 6])
    def test_opened_by_it_is_what_we_read(self, name, orientation, tmp_path):
        path = written(name, tmp_path, orientation)
        with path.open("rb") as handle, Image.open(handle) as file:  # by name, it garbles a TIFF that is turned
            taken, read = from_pil(file), read_picture(path)
        assert np.array_equal(taken.pixels, read.pixels)
        assert taken.stored_as == read.stored_as
        assert replace(taken.metadata, exif=b"") == replace(read.metadata, exif=b"")
        theirs, ours = fields_of(taken.metadata.exif), fields_of(read.metadata.exif)
        assert theirs[0].pop(0x0112, 1) == ours[0].pop(0x0112, 1) == 1  # where it turned a TIFF, it forgets the field
        assert theirs == ours

    @pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "L16"])
    def test_there_and_back(self, mode):
        given = described(mode)
        image = given.to_pil()
        assert image.mode == mode.replace("L16", "I;16")
        assert np.array_equal(np.asarray(image), given.pixels.squeeze())
        assert (image.info["icc_profile"], image.info["dpi"]) == (given.metadata.icc, (240, 120))
        assert image.getexif()[0x010F] == "Nikon"
        assert picture(mode).to_pil().info == {}
        back = from_pil(image)
        assert back.mode == mode
        assert replace(back.metadata, exif=given.metadata.exif) == given.metadata
        assert fields_of(back.metadata.exif) == fields_of(given.metadata.exif)
        assert np.array_equal(back.pixels, given.pixels)

    @pytest.mark.parametrize("mode", ["LA16", "RGB16", "RGBA16"])
    def test_has_no_mode_for_16_bit_colors(self, mode):
        with pytest.raises(InlayError, match=rf"no mode for {mode}, only for 16 bits of gray\. Use write_picture"):
            picture(mode).to_pil()

    def test_turned_by_it_is_not_turned_again(self, save):
        path = save("a.png", exif=exif(6))
        with Image.open(path) as file:
            turned = ImageOps.exif_transpose(file)
        assert np.array_equal(from_pil(turned).pixels, read_picture(path).pixels)
        assert np.array_equal(from_pil(from_pil(turned).to_pil()).pixels, np.asarray(turned))

    @pytest.mark.parametrize("mode", ["F", "I"])
    def test_pictures_of_32_bits_are_refused(self, mode):
        with pytest.raises(InlayError, match=rf"{mode} mode: 32 bits a pixel; Inlay takes 8 or 16\)\. Convert it"):
            from_pil(Image.new(mode, (3, 3)))

    def test_file_cut_short_is_named(self, tmp_path):
        path = written("color.png", tmp_path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with Image.open(path) as file, pytest.raises(InlayError, match=rf"{path}: cannot be taken from Pillow"):
            from_pil(file)


class TestContactSheet:
    def test_has_pictures_in_reading_order_and_white_gaps_between_neighbors_alone(self):
        tiles = np.broadcast_to(np.arange(6).reshape(2, 3, 1, 1, 1) / 10, (2, 3, 5, 7, 3))
        framed = np.pad(np.rint(tiles * 255), ((0, 0), (0, 0), (0, 4), (0, 4), (0, 0)), constant_values=255)
        expected = np.vstack([np.hstack(row) for row in framed])[:-4, :-4]
        assert np.array_equal(contact_sheet(tiles, gap=4).pixels, expected)

    def test_takes_rows_that_are_generators_clips_and_pads_rows_of_another_width_with_white(self):
        sheet = contact_sheet((np.full((2, 2, 3), value) for value in (-1.0, 2.0)) for _ in range(2))
        assert (sheet.mode, sheet.pixels.min(), sheet.pixels.max()) == ("RGB", 0, 255)
        sheet = contact_sheet([[np.zeros((4, 6, 3))], [np.zeros((5, 9, 3))]], gap=2)
        assert sheet.size == (4 + 2 + 5, 9)
        assert (sheet.pixels[:4, 6:] == 255).all()
        assert (sheet.pixels[6:] == 0).all()


def test_labeled_pictures_have_a_line_of_text_below(rng):
    given = rng.random((30, 90, 3)).astype(np.float32)
    tile, strip = np.split(labeled(given, "12.3%"), [30])
    assert np.array_equal(tile, given)
    assert strip.shape[1:] == (90, 3)
    assert (strip.min(), strip.max()) == (0, 1)
    assert 0.01 < (strip < 0.5).mean() < 0.3
    assert not np.array_equal(labeled(given, "45.6%")[30:], strip)
