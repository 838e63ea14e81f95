import json
import re

import pytest
import yaml

from inlay import checkpoints
from inlay.checkpoints import AVERAGE, META_KEY
from inlay.checkpoints.files import digest
from inlay.errors import InlayError
from inlay.export.exporting import CardFields, model_card
from inlay.models import PConvUNet
from tests.export.examples import CONFIG, PCONV, named, pconv, write_pconv


def card(path, **wording):
    return model_card(path, checkpoints.read(path), CardFields(**wording))


def head(text):
    return yaml.safe_load(text.split("---\n")[1])


def table(text, count):
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == count + 2  # its head, and the rule below
    return lines[:1] + lines[2:]


def test_the_head_is_what_the_hub_reads_and_both_ways_of_use_name_the_text(checkpoint, text_checkpoint):
    told = {"library_name": "inlay", "pipeline_tag": "image-to-image", "tags": ["inpainting", "pconvunet"]}
    assert head(card(checkpoint, license="cc-by-4.0")) == told | {"license": "cc-by-4.0"}
    plain, guided = card(checkpoint), card(text_checkpoint)
    assert "license" not in head(plain)
    assert "text-guided" in head(guided)["tags"]
    assert 'model.fill("photo.jpg", "mask.png")' in plain
    assert "--text" not in plain
    assert 'model.fill("photo.jpg", "mask.png", text="a red bird")' in guided
    assert '--model FOLDER --output filled.png --text "a red bird"' in guided


def test_what_is_known_is_said(checkpoint):
    text = card(checkpoint, name="Tiny")
    parameters = sum(parameter.numel() for parameter in PConvUNet(**PCONV).parameters()) / 1e6
    for line in (
        "# Tiny",
        f"- Network: `PConvUNet` of Inlay, {parameters:.2f} M parameters",
        "- Trained on crops of 32 x 32 pixels; takes pictures of any size",
        "- License of the weights: not stated. Ask who made them before you use them",
        "- Pictures: `Folder`",
        "- Holes: `MaskFiles` (root masks, ratio [0.1, 0.4])",
        "- Loss: `WeightedSum` (terms [hole 6])",
        "- Length: 20 iterations of 2 pictures a device",
        "- Started from: random weights",
        f"- Exported from: `{digest(checkpoint)}`",
        "- Inlay: 0.1.0, revision abc123",
        "- Packages: torch 2.15.0",
    ):
        assert line in text.splitlines()
    assert "/home" not in text
    assert "How good it is is unknown" in text


def test_what_is_not_known_is_said_to_be(tmp_path):
    text = card(write_pconv(tmp_path / "bare.ckpt", config={"model": CONFIG["model"]}))
    lines = ["Pictures: unknown", "Holes: unknown", "Loss: unknown", "Recipe: unknown", "Started from: unknown"]
    assert [line for line in lines if f"- {line}" not in text.splitlines()] == []
    assert "Trained on crops of a size that is unknown;" in text


def test_averages_and_earlier_weights_are_told(tmp_path):
    config = CONFIG | {"init_from": "/home/ann/outputs/old/checkpoints/best.ckpt"}
    path = write_pconv(tmp_path / "a.ckpt", config=config, **{AVERAGE: named(net=pconv(1))})
    started = "- Started from: the weights of `old/best`"
    assert {f"- Exported from: `{digest(path)}`, the moving average of its weights", started} <= {
        *card(path).splitlines()
    }


def test_figures_of_the_run_are_those_of_the_checkpoints_step(checkpoint, run):
    (run / "metrics.csv").write_text(
        "step,train/loss,val/psnr_hole,val/psnr_hole/50-60,val/l1_hole/50-60,val/pictures/50-60,val/psnr_hole/1-10\n"
        "9,,11.0,12.0,0.5,3,13.0\n"
        "19,0.25,,,,,\n"
        "19,,21.126,22.0,0.12344,4,23.0\n"
    )
    assert table(card(checkpoint), 3) == [
        ["hole, %", "n", "PSNR, hole (dB) ↑", "L1, hole ↓"],
        ["1-10", "-", "23.00", "-"],
        ["50-60", "4", "22.00", "0.1234"],
        ["all", "-", "21.13", "-"],
    ]
    assert "validation after 20 iterations" in card(checkpoint)


def test_figures_of_an_evaluation_are_those_of_the_very_file(checkpoint, tmp_path):
    measured = {"psnr_hole": 20.004, "psnr": None, "lpips": None, "ssim_hole": 0.5, "tv": 1.0}  # nothing differs
    value = {name: {"value": number} for name, number in measured.items()}
    results = {
        "protocol": {"name": "center", "about": "One square.", "hash": "4924d81a"},
        "pictures": 1234,
        "buckets": {"20-30": 1234, "all": 1234},
        "fillers": {"telea": "OpenCV 5", "tiny/best": digest(checkpoint)},
        "values": {"telea": {"all": {"psnr_hole": {"value": 99.0}}}, "tiny/best": {"20-30": value, "all": value}},
    }
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    text = card(checkpoint, results=file)
    columns = ["hole, %", "n", "PSNR, hole (dB) ↑", "PSNR (dB) ↑", "SSIM, hole ↑"]
    assert table(text, 2) == [columns, *([hole, "1234", "20.00", "∞", "0.500"] for hole in ("20-30", "all"))]
    assert "protocol `center` (hash `4924d81a`; equal hashes mean the same test) on 1,234 pictures. One square." in text

    results["fillers"]["tiny/best"] = "sha256:of-another-file"
    none = r"results\.json: not the results of an evaluation"
    others = json.dumps(results), r"nothing of this checkpoint .*, but of telea OpenCV 5, tiny/best sh"
    for content, said in (others, *((text, none) for text in ("", "{}", "[]", '{"fillers": {}}', "\xff"))):
        file.write_text(content)
        with pytest.raises(InlayError, match=said):
            card(checkpoint, results=file)
    file.unlink()
    with pytest.raises(InlayError, match=none):
        card(checkpoint, results=file)


def test_a_card_names_what_is_missing_from_its_folder(checkpoint):
    read = checkpoints.read(checkpoint)
    read[META_KEY]["config"] |= {
        "text": {"_target_": "inlay.text.CLIPEncoder", "model": "openai/clip-vit-base-patch32"}
    }
    said = model_card(checkpoint, read, CardFields())
    assert "its text encoder reads with `openai/clip-vit-base-patch32`, which is not part of this folder" in said
    assert "tokenizer files into a folder `text_model` here." in said


@pytest.mark.parametrize("wrong", [{"license": "All\nrights"}, {"license": "MIT"}, {"name": " "}, {"name": "a\nb"}])
def test_wordings_that_would_spoil_the_head_are_refused(wrong):
    with pytest.raises(InlayError, match=f"--{next(iter(wrong))}"):
        CardFields(**wrong)


BAD = "<img src=x onerror=alert(1)>\x1b[31m\x07\u202e`\n\n# [a](http://evil)"


def assert_plain(text):
    plain = re.sub(r"`[^`\n]*`", "", text)  # code shows what it holds
    assert "onerror" in plain
    assert not re.search(r"(?<!\\)<img|(?<!\\)\]\(http", plain)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)


@pytest.mark.stranger("A.4")
def test_what_a_foreign_checkpoint_says_of_itself_is_text(tmp_path):
    part = {"_target_": f"inlay.losses.{BAD}", BAD: BAD, "list": [BAD, [BAD]], "terms": {BAD: BAD}}
    data = {"image_size": BAD, "batch_size": BAD, "listing": part}
    config = CONFIG | dict.fromkeys(("run_name", "init_from", "iterations"), BAD)
    config |= {"data": data, "masks": part, "loss": part}
    path = write_pconv(tmp_path / "a.ckpt", config=config)
    read = checkpoints.read(path)
    read[META_KEY].update(version=BAD, git=BAD, packages={BAD: BAD}, imported={BAD: BAD})
    text = model_card(path, read, CardFields())
    assert_plain(text)
    assert [line for line in text.splitlines() if line.startswith("# ")] == [text.split("\n\n")[1]]


@pytest.mark.stranger("A.4")
def test_what_a_foreign_evaluation_says_is_text(checkpoint, tmp_path):
    results = {
        "protocol": {"name": BAD, "about": BAD, "hash": BAD},
        "pictures": 3,
        "buckets": {BAD: BAD},
        "fillers": {BAD: digest(checkpoint)},
        "values": {BAD: {BAD: {"psnr_hole": {"value": 20.0}}}},
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert_plain(card(checkpoint, results=tmp_path / "results.json"))
