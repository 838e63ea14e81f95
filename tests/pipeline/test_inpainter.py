import ast
import doctest
import re
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

import inlay
from inlay.errors import InlayError
from inlay.fillers import NetworkFiller
from inlay.images import write_pages, write_picture
from inlay.masks import Center
from inlay.models import PConvUNet
from inlay.pipeline import FillOptions, GeneratedRegion, HardComposer, Inpainter, inpainter
from tests.conftest import ROOT
from tests.pictures import half, picture, write_mask
from tests.pipeline.fillers import Painter

HALF = half(20, 30)


@pytest.fixture
def painter():
    return Painter((1, 1, 1))


@pytest.fixture
def filler(painter):
    return Inpainter(painter, "a test's", FillOptions())


@pytest.mark.stranger("17.A.10")
def test_loads_by_name_with_options_and_fills_files_at_home_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_picture(tmp_path / "photo.png", picture())
    write_mask(tmp_path / "mask.png", HALF)
    near = np.arange(30) < 17
    for composer, hole in ((HardComposer(), HALF), (HardComposer(dilate=2), HALF | near)):
        filled = inlay.load("telea", options=FillOptions(composer=composer)).fill("~/photo.png", "~/mask.png")
        assert isinstance(filled, Image.Image)
        same = (np.asarray(filled) == picture().pixels).all(2)
        assert same[~hole].all()
        assert not same[hole].all()
        assert (~same[:, 15:17]).any() == hole[:, 15:17].any()


class TestBatch:
    def test_has_a_mask_and_a_text_each_or_one_for_all_and_a_reference(self, filler, painter):
        images, masks = torch.rand(2, 3, 20, 30), torch.zeros(2, 1, 20, 30)
        masks[0, :, 3:6], masks[1, :, :, 4:9] = 1, 1
        filled = filler.fill(images, masks, text=["a", "b"], seed=3)
        assert torch.equal(filled, torch.where(masks > 0, 1, images))
        shown = picture(size=(8, 9), seed=5)
        filled = filler.fill(images, HALF, text="c", reference=shown.pixels)
        assert torch.equal(filled, torch.where(torch.from_numpy(HALF), 1, images))
        assert np.array_equal(painter.references[1].permute(0, 2, 3, 1), np.stack([shown.rgb()] * 2))
        assert (painter.texts, painter.seeds) == ([["a", "b"], ["c", "c"]], [[3, 3], None])

    @pytest.mark.parametrize(
        ("count", "options", "says"),
        [
            (0, {}, "a batch of 0 pictures"),
            (3, {"mask": torch.ones(2, 1, 20, 30)}, "mask must be .* 3 pictures, got 2"),
            (3, {"text": ["a"]}, "text must be .* 3 pictures, got 1"),
        ],
    )
    def test_needs_as_many_as_there_are(self, filler, count, options, says):
        with pytest.raises(InlayError, match=says):
            filler.fill(torch.zeros(count, 3, 20, 30), **{"mask": HALF, **options})


def test_samples_are_a_list_drawn_with_seeds_that_count_up(filler, painter):
    assert (len(filler.fill(picture().pixels, HALF, seed=5, samples=3)), painter.seeds) == (3, [[5], [6], [7]])
    painter.seeds.clear()
    drawn = filler.fill(torch.zeros(2, 3, 20, 30), HALF, samples=2)
    assert ([batch.shape for batch in drawn], painter.seeds) == ([(2, 3, 20, 30)] * 2, [[0, 0], [1, 1]])


def test_a_region_stands_in_for_the_mask(filler, painter):
    region = GeneratedRegion(Center())
    box = np.zeros((20, 30), bool)
    box[5:15, 7:22] = True
    expected = np.where(box[..., None], 255, picture().pixels)
    for form in (region, "center", {"_target_": "inlay.pipeline.regions.GeneratedRegion", "masks": Center()}):
        assert np.array_equal(filler.fill(picture().pixels, region=form), expected)
    painter.takes_seed = False
    assert np.array_equal(filler.fill(picture().pixels, region="center", seed=3), expected)  # the region's
    assert painter.seeds == [None] * 4
    for both in ({}, {"mask": box, "region": region}):
        with pytest.raises(InlayError, match="mask, region: give one of them"):
            filler.fill(picture().pixels, **both)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"text": "a bird"}, r"text: telea takes no text\. Leave it out, or name a text-guided model"),
        ({"seed": 0}, "seed: telea has one answer and draws nothing"),
        ({"samples": 2}, "samples: telea has one answer"),
        ({"reference": HALF}, r"reference: telea takes none\. Leave it out"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"samples": 2, "seed": 3}, "samples and seed: telea has one answer"),
        ({"seed": -1}, "seed must be from 0 to 4294967295, got -1"),
        ({"seed": 2**32}, "seed must be from 0 to"),
        ({"seed": 2**32 - 1, "samples": 2}, "the seed of the last sample must be from 0 to"),
        ({"text": "caf\udce9"}, "text must be UTF-8"),
    ],
    ids=lambda v: "-".join(v) if isinstance(v, dict) else "",
)
def test_refuses_what_the_model_would_not_heed(options, says):
    with pytest.raises(InlayError, match=says):
        inlay.load("telea").fill(picture().pixels, HALF, **options)


@pytest.mark.stranger("17.B.4")
def test_pictures_and_masks_of_every_form_and_either_polarity_are_filled_alike(filler, tmp_path, caplog):
    pixels = picture().pixels
    expected = np.where(HALF[..., None], 255, pixels)
    tensor = torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)
    for form in (pixels, Image.fromarray(pixels)):
        assert np.array_equal(filler.fill(form, HALF), expected)
    assert np.array_equal((filler.fill(tensor, HALF) * 255).round().byte().permute(1, 2, 0).numpy(), expected)
    file = write_mask(tmp_path / "mask.png", ~HALF)
    for mask in (~HALF, (~HALF).astype(np.uint8), torch.from_numpy(~HALF), Image.fromarray(~HALF), file):
        assert np.array_equal(filler.fill(pixels, mask, mask_polarity="black"), expected)
    assert not caplog.records
    filler.fill(picture(size=(40, 40)).pixels, Image.fromarray(HALF))
    assert ["aspect ratio" in record.message for record in caplog.records] == [True]


@pytest.mark.stranger("17.B.4")
def test_what_python_calls_names_no_option_of_the_shell():
    for package in ("checkpoints", "fillers", "images", "pipeline", "precision.py", "pretrained", "randomness.py"):
        place = ROOT / "src/inlay" / package
        for path in place.rglob("*.py") if place.is_dir() else [place]:
            for node in ast.walk(ast.parse(path.read_text())):
                told = str(node.value) if isinstance(node, ast.Constant) else ""
                assert not re.search(r"(?<![\w-])--(?!upgrade|porcelain)[a-z]", told), path


@pytest.mark.stranger("17.B.4")
def test_shows_its_model_its_size_and_its_device_and_the_package_what_it_does_not_have():
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        assert inlay.lode
    assert repr(inlay.load("telea")) == "<inlay.Inpainter telea: Telea, on cpu>"
    net = PConvUNet(levels=4, width=4)
    weights = sum(weight.numel() for weight in net.parameters()) / 1e6
    shown = repr(Inpainter(NetworkFiller(net, size=128), "RUN/best.ckpt", FillOptions()))
    assert shown == f"<inlay.Inpainter RUN/best.ckpt: PConvUNet, {weights:.2f} M weights, trained at 128 px, on cpu>"


def test_examples_of_the_documentation_run(tmp_path, monkeypatch):
    write_picture(tmp_path / "photo.jpg", picture(size=(64, 48)))
    write_mask(tmp_path / "mask.png", half(64, 48))
    monkeypatch.chdir(tmp_path)
    told = doctest.testfile(str(ROOT / "docs/use.md"), module_relative=False), doctest.testmod(inpainter)
    assert all(failed == 0 and tried > 3 for failed, tried in told)


@pytest.mark.stranger("17.A.2")
def test_pages_of_a_file_come_back_as_a_list_or_one_by_one(filler, tmp_path):
    pages = [picture(seed=number) for number in range(3)]
    write_pages(tmp_path / "a.tif", pages)
    fill = partial(filler.fill, tmp_path / "a.tif", HALF)
    for filled, page in zip(fill(), pages, strict=True):
        assert np.array_equal(filled, np.where(HALF[..., None], 255, page.pixels))
    assert [len(filled) for filled in fill(samples=2)] == [3, 3]
    assert np.array_equal(np.asarray(fill(frame=2))[~HALF], pages[1].pixels[~HALF])
    with pytest.raises(InlayError, match="frame: is for the path of a file"):
        filler.fill(picture().pixels, HALF, frame=2)
    with pytest.raises(InlayError, match="has 3 frames or pages, and no number 4"):
        fill(frame=4)
