"""Filling one picture with a filler that breaks every promise: it repaints the known pixels too."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inlay import prediction
from inlay.errors import InlayError
from inlay.fillers import Filler
from inlay.images import Picture, labeled, read_picture, write_picture
from inlay.prediction import Request, choose_device, fill_picture, load_hole, predict

MODES = ["L", "LA", "RGB", "RGBA", "L16", "RGB16", "RGBA16"]
SIZES = [(7, 9), (1, 13), (33, 32), (101, 47)]


class Negative(Filler):
    """Turns every pixel into its complement and remembers what it was given."""

    identity = "a test's"

    def fill(self, image, mask, *, text=None, seed=None):
        self.image, self.mask, self.text, self.seed = image, mask, text, seed
        return 1 - image


class Gray(Filler):
    """Paints everything in a gray that the seed says, and keeps a list of what it was asked for."""

    takes_text = takes_seed = True
    identity = "a test's"

    def __init__(self):
        self.asked = []

    def fill(self, image, mask, *, text=None, seed=None):
        self.asked.append((text, seed))
        return torch.full_like(image, 1.0 if seed is None else seed / 255)

    def doubts(self, text):
        return [f"{text} is odd.", "It is."] if text else []


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
        assert (filler.text, filler.seed) == (None, None)

    def test_hands_text_and_seed_over(self, mode, size):
        filler = Negative()
        fill_picture(filler, picture(mode, size), hole(size), "a bird", 7)
        assert (filler.text, filler.seed) == (["a bird"], 7)
        fill_picture(filler, picture(mode, size), hole(size), "")
        assert (filler.text, filler.seed) == (None, None)


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
        monkeypatch.setattr("inlay.prediction.load_filler", lambda path, device: Negative())
        write_picture(tmp_path / "in.png", picture("RGB", (20, 30)))

        def build(output="out.png", **options):
            files = {"image": tmp_path / "in.png", "mask": masked(half(20, 30)), "model": str(tmp_path / "net.ckpt")}
            return Request(**files, output=tmp_path / output, device="cpu", **options)

        return build

    @pytest.fixture
    def gray(self, monkeypatch):
        """A filler that takes everything, instead of the one of a plain network."""
        filler = Gray()
        monkeypatch.setattr("inlay.prediction.load_filler", lambda path, device: filler)
        return filler

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

    @pytest.mark.parametrize("taken", ["in.png", "mask.png"])
    @pytest.mark.parametrize("number", [1, 3])
    def test_no_sample_overwrites_an_input(self, request_, tmp_path, gray, taken, number):
        request = request_("out.png", samples=3)
        (tmp_path / f"out_{number}.png").symlink_to(tmp_path / taken)
        before = (tmp_path / taken).read_bytes()
        with pytest.raises(InlayError, match=rf"out_{number}\.png would overwrite an input\. Choose another name"):
            predict(request)
        assert (tmp_path / taken).read_bytes() == before
        assert gray.asked == []

    def test_no_sheet_overwrites_an_input(self, request_, tmp_path):
        (tmp_path / "out_compare.png").symlink_to(tmp_path / "in.png")
        with pytest.raises(InlayError, match="would overwrite an input"):
            predict(request_(compare=True))
        assert predict(request_()) == [tmp_path / "out.png"]

    @pytest.mark.parametrize("output", [".", "..", "folder"])
    def test_needs_the_name_of_a_picture(self, request_, output):
        request = request_()
        with pytest.raises(InlayError, match="unknown suffix"):
            predict(Request(request.image, request.mask, request.model, Path(output), samples=2, compare=True))

    def test_is_not_drawn_unless_that_is_asked_for(self, request_, tmp_path, gray):
        assert predict(request_(text="a bird")) == [tmp_path / "out.png"]
        assert predict(request_(text="a bird", seed=7)) == [tmp_path / "out.png"]
        assert predict(request_(text="", seed=0)) == [tmp_path / "out.png"]
        assert gray.asked == [(["a bird"], None), (["a bird"], 7), (None, 0)]

    @pytest.mark.parametrize(("seed", "first"), [(None, 0), (0, 0), (40, 40), (2**63 - 1, 2**63 - 1)])
    def test_samples_count_from_the_seed(self, request_, tmp_path, gray, seed, first):
        paths = predict(request_(samples=3, seed=seed, text="a bird"))
        assert paths == [tmp_path / f"out_{number}.png" for number in (1, 2, 3)]
        assert gray.asked == [(["a bird"], first + number) for number in range(3)]
        assert not (tmp_path / "out.png").exists()

    def test_each_sample_is_written_as_it_was_drawn(self, request_, tmp_path, gray):
        where, given = half(20, 30)[..., None], picture("RGB", (20, 30)).pixels
        for number, path in enumerate(predict(request_("out.webp", samples=3, seed=40))):
            assert np.array_equal(read_picture(path).pixels, np.where(where, 40 + number, given))

    def test_samples_share_one_reading_of_everything(self, request_, gray, monkeypatch):
        read = []

        def counted(name, original):
            return lambda *given: (read.append(name), original(*given))[1]

        for name in ("read_picture", "read_mask", "load_filler"):
            monkeypatch.setattr(prediction, name, counted(name, getattr(prediction, name)))
        predict(request_(samples=3))
        assert read == ["read_picture", "read_mask", "load_filler"]

    def test_compares_all_samples_on_one_sheet(self, request_, tmp_path, gray):
        paths = predict(request_("out.webp", samples=2, compare=True))
        assert paths == [tmp_path / name for name in ("out_1.webp", "out_2.webp", "out_compare.png")]
        sheet = read_picture(paths[-1])
        assert sheet.size == (20, 4 * 30 + 3 * 4)
        for number, path in enumerate(paths[:2], 1):
            assert np.array_equal(sheet.pixels[:, 34 * number : 34 * number + 30], read_picture(path).pixels)
        assert np.array_equal(sheet.pixels[:, 3 * 34 :], picture("RGB", (20, 30)).pixels)

    def test_compares_with_the_text_below(self, request_, tmp_path, gray):
        plain = read_picture(predict(request_(compare=True))[-1])
        sheet = read_picture(predict(request_(compare=True, text="a small bird with a red head"))[-1])
        written = labeled(plain.rgb(), "a small bird with a red head")
        assert np.array_equal(sheet.pixels, np.rint(written * 255))
        assert (sheet.pixels[plain.size[0] :] < 128).any()

    def test_says_what_of_the_text_is_not_understood(self, request_, gray, caplog):
        predict(request_(text="a bird", samples=2))
        assert [record.message for record in caplog.records] == ["--text: a bird is odd.", "--text: It is."]

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"text": "a bird"}, "--text: {model} takes no text. Leave --text out, or name a "),
            ({"seed": 0}, "--seed: {model} has one answer and draws nothing. Leave --seed out, "),
            ({"samples": 2}, "--samples: {model} has one answer"),
            ({"samples": 2, "seed": 3}, "--samples and --seed: {model} has one answer"),
        ],
        ids=lambda v: "-".join(v) if isinstance(v, dict) else "",
    )
    def test_refuses_what_the_model_would_not_heed(self, request_, tmp_path, options, says):
        before = sorted(tmp_path.iterdir())
        request = request_(**options)
        with pytest.raises(InlayError, match=re.escape(says.format(model=request.model))):
            predict(request)
        assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "mask.png"]

    def test_asks_for_nothing_when_the_text_is_empty(self, request_, tmp_path):
        assert predict(request_(text="")) == [tmp_path / "out.png"]

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"samples": 0}, "--samples must be at least 1, got 0."),
            ({"samples": -3}, "--samples must be at least 1, got -3."),
            ({"seed": -1}, "--seed must be from 0 to 9223372036854775807, got -1."),
            ({"seed": 2**63}, "--seed must be from 0 to 9223372036854775807, got 9223372036854775808."),
            ({"text": "caf\udce9"}, r"--text must be UTF-8, got 'caf\udce9'."),
        ],
        ids=str,
    )
    def test_refuses_numbers_and_texts_that_mean_nothing(self, request_, options, says):
        with pytest.raises(InlayError, match=re.escape(says)):
            request_(**options)

    def test_asks_whether_the_format_will_do_before_the_network_works(self, request_, monkeypatch):
        monkeypatch.setattr("inlay.prediction.load_filler", lambda path, device: pytest.fail("too late"))
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
        with pytest.raises(InlayError, match=f"device {name}: not available here"):
            choose_device(name)
