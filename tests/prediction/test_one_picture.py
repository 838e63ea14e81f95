import re
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image

from inlay.errors import InlayError
from inlay.images import Picture, labeled, read_picture, write_picture
from inlay.pipeline import inpainter, masks
from inlay.prediction import Request, predict, reading
from tests.images.described import THUMBNAIL, exif
from tests.images.files import photo
from tests.pictures import half, picture, write_mask
from tests.pipeline.fillers import Negative, Painter


class Gray(Painter):
    """Paints everything in a gray that the seed says."""

    def paint(self, image, mask):
        colors = torch.tensor([min(each, 255) for each in self.seeds[-1] or [255]]) / 255
        return colors.view(-1, 1, 1, 1).expand_as(image)

    def text_warnings(self, text):
        return [f"{text} is odd.", "It is."] if text else []


class TestPredict:
    @pytest.fixture
    def request_(self, tmp_path, monkeypatch):
        monkeypatch.setattr(inpainter, "load_filler", lambda *_: Negative())
        write_picture(tmp_path / "in.png", picture("RGB", (20, 30)))

        def build(output="out.png", **options):
            image, mask = [tmp_path / "in.png"], write_mask(tmp_path / "mask.png", half(20, 30))
            return Request(image, str(tmp_path / "net.ckpt"), tmp_path / output, mask, device="cpu", **options)

        return build

    @pytest.fixture
    def gray(self, monkeypatch):
        filler = Gray()
        monkeypatch.setattr(inpainter, "load_filler", lambda *_: filler)
        return filler

    @pytest.mark.stranger("17.A.8")
    def test_takes_a_photograph_for_a_mask_at_a_threshold_alone(self, request_, tmp_path):
        asked = request_(threshold=0.5)
        write_picture(tmp_path / "mask.png", Picture(photo(20, 30)))
        with pytest.raises(InlayError, match="a photograph rather than a mask"):
            predict(replace(asked, threshold=None))
        assert predict(asked) == [tmp_path / "out.png"]

    @pytest.mark.stranger("17.A.3", "17.A.7")
    def test_says_what_is_doubted_what_is_left_out_and_what_a_picture_is_turned_into(self, request_, tmp_path, caplog):
        caplog.set_level("INFO")
        image = tmp_path / "camera.jpg"
        Image.fromarray(photo(20, 30)).save(image, exif=b"Exif\0\0" + exif(thumbnail=THUMBNAIL), comment="a word")
        image.write_bytes(image.read_bytes()[:-60] + b"\xff\xd9")
        predict(replace(request_("out.webp"), image=[image]))
        assert f"{image}: its pixels are damaged (libjpeg:" in caplog.text
        assert "Left out: pictures within its EXIF (a thumbnail, a preview); its comments" in caplog.text
        Image.fromarray(picture("RGB", (20, 30)).pixels).convert("P").save(tmp_path / "in.png")
        predict(request_("out.jpg"))
        assert "JPEG changes every pixel" in caplog.text
        assert "in.png is stored as P; the output is RGB." in caplog.text

    @pytest.mark.parametrize("name", ["in.png", "mask.png", "../{folder}/in.png"])
    @pytest.mark.parametrize("link", ["", "out_1.png", "out_3.png", "out_compare.png"])
    def test_overwrites_no_input(self, request_, tmp_path, gray, name, link):
        name = name.format(folder=tmp_path.name)
        taken = tmp_path / name
        request = request_("out.png" if link else name, samples=3 if link else 1, compare=True)
        before = taken.read_bytes()
        if link:
            (tmp_path / link).symlink_to(taken)
        with pytest.raises(InlayError, match="would overwrite an input"):
            predict(request)
        assert (taken.read_bytes(), gray.images) == (before, [])

    def test_is_not_drawn_unless_that_is_asked_for(self, request_, tmp_path, gray):
        for asked in ({"text": "a bird"}, {"text": "a bird", "seed": 7}, {"text": "", "seed": 0}):
            assert predict(request_(**asked)) == [tmp_path / "out.png"]
        assert (gray.texts, gray.seeds) == ([["a bird"], ["a bird"], None], [None, [7], [0]])

    @pytest.mark.parametrize("seed", [None, 0, 40, 2**32 - 3])
    def test_samples_count_from_the_seed_and_share_one_reading(self, request_, tmp_path, gray, monkeypatch, seed):
        places, first = [(reading, "read_pages"), (masks, "read_pixels"), (inpainter, "load_filler")], seed or 0
        readers = [Mock(wraps=getattr(module, name)) for module, name in places]
        for (module, name), reader in zip(places, readers, strict=True):
            monkeypatch.setattr(module, name, reader)
        paths = predict(request_("out.webp", samples=3, seed=seed, text="a bird"))
        assert paths == [tmp_path / f"out_{number}.webp" for number in (1, 2, 3)]
        assert (gray.texts, gray.seeds) == ([["a bird"] * 3], [[first, first + 1, first + 2]])
        assert not (tmp_path / "out.webp").exists()
        where, given = half(20, 30)[..., None], picture("RGB", (20, 30)).pixels
        for number, path in enumerate(paths):
            assert np.array_equal(read_picture(path).pixels, np.where(where, min(first + number, 255), given))
        assert [reader.call_count for reader in readers] == [1, 1, 1]

    @pytest.mark.parametrize("samples", [1, 2])
    def test_compares_all_samples_on_one_sheet(self, request_, tmp_path, gray, samples):
        paths = predict(request_("out.webp", samples=samples, compare=True))
        names = ["out_1.webp", "out_2.webp"] if samples > 1 else ["out.webp"]
        assert paths == [tmp_path / name for name in (*names, "out_compare.png")]
        sheet = read_picture(paths[-1])
        assert sheet.size == (20, (samples + 2) * 34 - 4)
        assert (sheet.pixels[:, :30][half(20, 30)] == 255).all()
        for number, path in enumerate(paths[:-1], 1):
            assert np.array_equal(sheet.pixels[:, 34 * number : 34 * number + 30], read_picture(path).pixels)
        assert np.array_equal(sheet.pixels[:, (samples + 1) * 34 :], picture("RGB", (20, 30)).pixels)

    def test_compares_with_the_text_below_and_says_what_of_it_is_not_understood(self, request_, gray, caplog):
        plain = read_picture(predict(request_(compare=True))[-1])
        sheet = read_picture(predict(request_(compare=True, text="a small bird with a red head"))[-1])
        written = labeled(plain.rgb(), "a small bird with a red head")
        assert np.array_equal(sheet.pixels, np.rint(written * 255))
        assert (sheet.pixels[plain.size[0] :] < 128).any()
        predict(request_(text="a bird", samples=2))
        assert [record.message for record in caplog.records[-2:]] == ["text: a bird is odd.", "text: It is."]

    def test_refuses_what_the_model_cannot_use(self, request_, tmp_path):
        for option, value in {"text": "a bird", "seed": 0, "samples": 2, "reference": tmp_path / "in.png"}.items():
            request = request_(**{option: value})
            with pytest.raises(InlayError, match=f"^{option}: {re.escape(request.model)} .*Leave it out"):
                predict(request)
        assert {path.name for path in tmp_path.iterdir()} == {"in.png", "mask.png"}
        assert predict(request_(text="")) == [tmp_path / "out.png"]  # an empty one is none

    def test_asks_whether_numbers_and_format_will_do_before_the_network_works(self, request_, monkeypatch):
        with pytest.raises(InlayError, match="samples must be at least 1, got 0"):
            request_(samples=0)
        monkeypatch.setattr(inpainter, "load_filler", lambda *_: pytest.fail("too late"))
        with pytest.raises(InlayError, match="unknown suffix"):
            predict(request_("out.gif"))
