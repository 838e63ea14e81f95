"""Filling one picture with a filler that breaks every promise: it repaints the known pixels too."""

import logging
import re

import numpy as np
import pytest
import torch
from PIL import Image

from inlay.errors import InlayError
from inlay.images import Picture, read_picture, write_picture
from inlay.prediction import Request, choose_device, fill_picture, load_hole, predict

MODES = ["L", "LA", "RGB", "RGBA", "L16", "RGB16", "RGBA16"]
SIZES = [(7, 9), (1, 13), (33, 32), (101, 47)]


class Negative:
    """Turns every pixel into its complement and remembers what it was given."""

    def fill(self, image, mask, text=None, seed=None):
        self.image, self.mask = image, mask
        return 1 - image


def picture(mode, size):
    channels, dtype = len(mode.removesuffix("16")), np.uint16 if "16" in mode else np.uint8
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (*size, channels))
    return Picture(pixels.astype(dtype))


def hole(size):
    return np.random.default_rng(2).random(size) < 0.4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", MODES)
class TestFillPicture:
    def test_keeps_known_pixels_bit_for_bit(self, mode, size):
        given, where = picture(mode, size), hole(size)
        assert np.array_equal(fill_picture(Negative(), given, where).pixels[~where], given.pixels[~where])

    def test_keeps_size_and_mode(self, mode, size):
        filled = fill_picture(Negative(), picture(mode, size), hole(size))
        assert (filled.size, filled.mode) == (size, mode)

    def test_puts_the_answer_into_the_hole(self, mode, size):
        given, where = picture(mode, size), hole(size)
        filled = fill_picture(Negative(), given, where)
        assert np.abs(filled.rgb()[where] - (1 - given.rgb()[where])).max() < 1.5 / given.peak

    def test_gives_the_filler_what_the_contract_says(self, mode, size):
        filler, given, where = Negative(), picture(mode, size), hole(size)
        fill_picture(filler, given, where)
        assert (filler.image.shape, filler.image.dtype) == ((1, 3, *size), torch.float32)
        assert (filler.mask.shape, filler.mask.dtype) == ((1, 1, *size), torch.float32)
        assert 0 <= filler.image.min() <= filler.image.max() <= 1
        assert np.array_equal(filler.mask[0, 0].numpy(), where)


@pytest.fixture
def masked(tmp_path):
    """Writes a mask file that is white where it is told."""

    def write(white):
        path = tmp_path / "mask.png"
        write_picture(path, Picture(np.asarray(white)[..., None].astype(np.uint8) * 255))
        return path

    return write


def half(height, width):
    return np.arange(height * width).reshape(height, width) % width < width // 2


class TestLoadHole:
    @pytest.fixture(autouse=True)
    def _hear_everything(self, caplog):
        caplog.set_level(logging.INFO, logger="inlay")

    def test_of_the_size_of_the_picture_says_nothing(self, masked, caplog):
        assert np.array_equal(load_hole(masked(half(20, 30)), (20, 30), "white"), half(20, 30))
        assert caplog.records == []

    def test_may_be_black(self, masked):
        assert np.array_equal(load_hole(masked(half(20, 30)), (20, 30), "black"), ~half(20, 30))

    @pytest.mark.parametrize(("hole_is", "other"), [("white", "black"), ("black", "white")])
    def test_without_hole_names_the_other_color(self, masked, hole_is, other):
        path = masked(np.full((20, 30), hole_is == "black"))
        with pytest.raises(InlayError, match=rf"{path}: no hole \({hole_is} = hole\).* --hole-is {other}"):
            load_hole(path, (20, 30), hole_is)

    @pytest.mark.parametrize("hole_is", ["white", "black"])
    def test_that_is_all_hole_leaves_nothing_to_fill_from(self, masked, hole_is):
        path = masked(np.full((20, 30), hole_is == "white"))
        with pytest.raises(InlayError, match=f"{path}: the whole picture is hole"):
            load_hole(path, (20, 30), hole_is)

    def test_that_vanishes_at_the_size_of_the_picture_is_no_hole(self, masked):
        line = np.zeros((90, 90), bool)
        line[3] = True
        with pytest.raises(InlayError, match="no hole"):
            load_hole(masked(line), (10, 10), "white")

    def test_of_another_size_is_resized_and_said_so(self, masked, caplog):
        mask = load_hole(masked(half(20, 30)), (40, 60), "white")
        assert np.array_equal(mask, half(40, 60))
        (record,) = caplog.records
        assert record.levelno == logging.INFO
        assert record.message == "The mask is 30x20; resized to the picture's 60x40."

    def test_of_another_aspect_ratio_is_stretched_with_a_warning(self, masked, caplog):
        assert load_hole(masked(half(20, 30)), (40, 40), "white").shape == (40, 40)
        assert [record.levelno for record in caplog.records] == [logging.INFO, logging.WARNING]
        assert "differ in aspect ratio" in caplog.text

    def test_a_pixel_off_in_a_large_picture_is_no_other_aspect_ratio(self, masked, caplog):
        load_hole(masked(half(200, 300)), (201, 300), "white")
        assert [record.levelno for record in caplog.records] == [logging.INFO]

    @pytest.mark.parametrize("share", [0.02, 0.9])
    def test_of_an_unusual_share_is_doubted(self, masked, caplog, share):
        path = masked(np.arange(10_000).reshape(100, 100) < share * 10_000)
        load_hole(path, (100, 100), "white")
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.message.startswith(f"{path}: the hole covers {share:.1%} of the picture")
        assert "--hole-is black" in record.message

    def test_that_is_no_picture_is_named(self, tmp_path):
        with pytest.raises(InlayError, match=re.escape(f"{tmp_path / 'none.png'}: no such file")):
            load_hole(tmp_path / "none.png", (10, 10), "white")


class TestPredict:
    @pytest.fixture
    def request_(self, tmp_path, masked, monkeypatch):
        monkeypatch.setattr("inlay.prediction.Learned.from_checkpoint", lambda path, device: Negative())
        write_picture(tmp_path / "in.png", picture("RGB", (20, 30)))

        def build(output="out.png", **options):
            files = {"image": tmp_path / "in.png", "mask": masked(half(20, 30)), "model": tmp_path / "net.ckpt"}
            return Request(**files, output=tmp_path / output, device="cpu", **options)

        return build

    def test_writes_the_picture_with_its_hole_filled(self, request_, tmp_path):
        assert predict(request_()) == [tmp_path / "out.png"]
        given, filled = picture("RGB", (20, 30)).pixels, read_picture(tmp_path / "out.png").pixels
        assert np.array_equal(filled, np.where(half(20, 30)[..., None], 255 - given, given))

    def test_writes_the_comparison_beside_it(self, request_, tmp_path):
        assert predict(request_(compare=True)) == [tmp_path / "out.png", tmp_path / "out_compare.png"]
        sheet = read_picture(tmp_path / "out_compare.png")
        assert sheet.size == (20, 30 + 4 + 30 + 4 + 30)
        assert (sheet.pixels[:, :30][half(20, 30)] == 255).all()
        assert np.array_equal(sheet.pixels[:, 34:64], read_picture(tmp_path / "out.png").pixels)
        assert np.array_equal(sheet.pixels[:, 68:], picture("RGB", (20, 30)).pixels)

    @pytest.mark.parametrize("name", ["in.png", "mask.png", "../{folder}/in.png"])
    def test_overwrites_no_input(self, request_, tmp_path, name):
        with pytest.raises(InlayError, match="would overwrite an input"):
            predict(request_(name.format(folder=tmp_path.name)))
        assert np.array_equal(read_picture(tmp_path / "in.png").pixels, picture("RGB", (20, 30)).pixels)

    def test_asks_whether_the_format_will_do_before_the_network_works(self, request_, monkeypatch):
        monkeypatch.setattr("inlay.prediction.Learned.from_checkpoint", lambda path, device: pytest.fail("too late"))
        with pytest.raises(InlayError, match="unknown suffix"):
            predict(request_("out.gif"))

    def test_warns_of_jpeg(self, request_, caplog):
        predict(request_("out.jpg"))
        assert "JPEG changes every pixel" in caplog.text

    def test_says_what_a_picture_is_turned_into(self, request_, tmp_path, caplog):
        Image.fromarray(picture("RGB", (20, 30)).pixels).convert("P").save(tmp_path / "in.png")
        predict(request_())
        assert "in.png is stored as P; the output is RGB." in caplog.text


class TestChooseDevice:
    def test_auto_is_one_that_is_there(self):
        assert choose_device("auto").type in ("cuda", "mps", "cpu")

    @pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
    def test_names_one_that_is_not(self, name):
        with pytest.raises(InlayError, match=f"--device {name}: not available here"):
            choose_device(name)
