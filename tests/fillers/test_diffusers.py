"""Pipelines of random weights: what they are shown, with which noise, and what of the answer is kept."""

import json
import shutil

import diffusers
import pytest
import torch
import torch.nn.functional as F

from inlay.errors import InlayError
from inlay.fillers import DiffusersFiller, load_filler
from inlay.fillers.diffusers import inpaints, snap
from inlay.models.latent.tiny import write_tiny_pipeline
from inlay.randomness import RngStream, torch_seed


@pytest.fixture(scope="module")
def four_channels(tmp_path_factory):
    return write_tiny_pipeline(tmp_path_factory.mktemp("pipeline") / "base", channels=4)


def filler(folder, **settings):
    return DiffusersFiller(folder, **{"steps": 2, **settings})


def example(height=61, width=70):
    image, mask = torch.rand(2, 3, height, width), torch.zeros(2, 1, height, width)
    mask[..., 16:40, 16:41] = 1
    return image, mask


def test_a_folder_and_its_name_are_this_filler(tiny_pipeline):
    for name in (str(tiny_pipeline), f"diffusers:{tiny_pipeline}", f"model:{tiny_pipeline}"):
        made = load_filler(name)
        assert isinstance(made, DiffusersFiller)
    assert (made.size, made.takes_text, made.takes_seed) == (64, True, True)
    assert "StableDiffusionInpaintPipeline of tiny, on cpu" in made.described
    assert all(word in made.identity for word in ("sha256:", "strength 1.0", "prefill grey", "diffusers 0."))


@pytest.mark.parametrize("settings", [{}, {"strength": 0.5}, {"strength": 0.99, "prefill": "mean"}], ids=str)
@pytest.mark.parametrize("channels", [9, 4])
def test_no_leak_and_known_pixels_exact(tiny_pipeline, four_channels, channels, settings):
    fills, (image, mask) = filler(tiny_pipeline if channels == 9 else four_channels, **settings), example()
    other = torch.where(mask > 0, torch.rand_like(image), image)
    filled = fills.fill(image, mask, seed=3)
    assert torch.equal(filled * mask, fills.fill(other, mask, seed=3) * mask)
    assert torch.equal(filled * (1 - mask), image * (1 - mask))


def test_the_call_is_that_of_diffusers(tiny_pipeline):
    """The pipeline gets mid-gray in the hole, a mask of whole cells, whole cells of pixels, and our noise."""
    image, mask = example()
    pipeline = diffusers.StableDiffusionInpaintPipeline.from_pretrained(tiny_pipeline)
    shown = F.pad(torch.where(mask > 0, 0.5, image), (0, 2, 0, 3), mode="replicate")
    cells = torch.zeros(2, 1, 64, 72)
    cells[..., 16:40, 16:48] = 1
    expected = pipeline(
        "a red bird", shown[:1], cells[:1], height=64, width=72, num_inference_steps=2, output_type="pt",
        generator=torch.Generator().manual_seed(torch_seed(5, RngStream.LATENT)),
    ).images[..., :61, :70]  # fmt: skip
    filled = filler(tiny_pipeline).fill(image[:1], mask[:1], text=["a red bird"], seed=[5])
    assert torch.equal(filled, torch.where(mask[:1] > 0, expected, image[:1]))


def test_seeds_and_texts(tiny_pipeline):
    fills, (image, mask) = filler(tiny_pipeline), example()
    twice = image[:1].expand(2, -1, -1, -1)
    state = torch.get_rng_state()
    drawn = fills.fill(twice, mask, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn, fills.fill(twice, mask, seed=1))
    same = fills.fill(twice, mask, seed=[7, 7])
    assert torch.equal(same[0], same[1])
    undrawn = fills.fill(twice, mask)
    assert torch.equal(undrawn[0], undrawn[1])
    assert not torch.equal(undrawn, fills.fill(twice, mask, text=["a red bird"] * 2))
    said = filler(tiny_pipeline, prompt="a red bird").fill(twice, mask, text=["", "a blue one"])
    assert torch.equal(said[0], fills.fill(twice, mask, text=["a red bird"] * 2)[0])


def test_steps_guidance_and_colors_are_passed_on(tiny_pipeline):
    image, mask = example()
    made = []
    changes = ({}, {"steps": 3}, {"guidance": 1.0}, {"strength": 0.6}, {"match_ring": True})
    for settings in (*changes, {"strength": 0.6, "prefill": "mean"}):
        made.append(filler(tiny_pipeline, **settings).fill(image, mask, text=["bird"] * 2))
    assert len({picture.numpy().tobytes() for picture in made}) == len(made)


def test_snapped_cells_are_what_nearest_sees_of_the_largest_value():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 13:16, 5:60] = 1  # three pixels wide: nearest alone would miss it
    assert F.interpolate(mask, scale_factor=1 / 8).sum() == 0
    snapped = snap(mask, 8)
    assert torch.equal(F.interpolate(snapped, scale_factor=1 / 8), F.max_pool2d(mask, 8))
    assert (snapped >= mask).all()


def test_thin_strokes_are_said(tiny_pipeline, caplog):
    image, mask = example()[0], torch.zeros(2, 1, 61, 70)
    mask[..., 5:7, 5:60] = 1
    filler(tiny_pipeline).fill(image, mask)
    assert "cell of 8 px" in caplog.text


def test_a_base_model_fills_through_its_inpainting_sibling(four_channels, tmp_path):
    index = shutil.copytree(four_channels, tmp_path / "base") / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": "StableDiffusionPipeline"}))
    image, mask = example()
    assert torch.equal(filler(tmp_path / "base").fill(image, mask), filler(four_channels).fill(image, mask))
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": "StableDiffusionUpscalePipeline"}))
    with pytest.raises(InlayError, match="StableDiffusionUpscalePipeline"):
        filler(tmp_path / "base")


@pytest.mark.parametrize(
    "family",
    ["StableDiffusion", "StableDiffusionXL", "StableDiffusion3", "Flux", "FluxKontext", "QwenImage", "QwenImageEdit",
     "ZImage"],
)  # fmt: skip
def test_the_families_of_diffusers_take_what_is_given(family):
    assert inpaints(getattr(diffusers, f"{family}InpaintPipeline"))
    assert inpaints(diffusers.FluxFillPipeline)
    assert not inpaints(diffusers.StableDiffusionControlNetInpaintPipeline)
    assert not inpaints(diffusers.RePaintPipeline)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"guidance": -1}, "guidance must be at least 0"),
        ({"strength": 0}, "strength must be above 0"),
        ({"prefill": "black"}, "prefill must be null or one of grey, mean"),
        ({"prefill": "mean"}, "prefill=mean does nothing.*strength=0.9999"),
        ({"offload": "disk"}, "offload must be null, model or sequential"),
        ({"offload": "model"}, "for a GPU.*Leave it out"),
    ],
    ids=str,
)
def test_settings_out_of_range(tiny_pipeline, settings, says):
    with pytest.raises(InlayError, match=says):
        filler(tiny_pipeline, **settings)
