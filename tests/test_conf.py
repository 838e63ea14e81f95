"""Configurations cannot rot: every group's every file composes, every experiment runs."""

import json
import re

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from inlay.cli.building import problems
from inlay.images import read_picture
from tests.conftest import ROOT
from tests.models.model_tester import SMALL
from tests.training import TINY, TINY_LAMA, TINY_TEXT, configure, metrics, train

CONF = ROOT / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
BUILT_ON_OTHERS = {*CONF.glob("experiment/**/*.yaml"), *CONF.glob("protocol/*")} - {CONF / "protocol/base.yaml"}
EXPLAINED = sorted(set(CONF.rglob("*.yaml")) - BUILT_ON_OTHERS)
ELSEWHERE = {"composer", "experiment", "filler", "metrics", "probe", "protocol", "region"}  # no groups of train.yaml
CHOICES = sorted(
    f"{path.parent.name}={path.stem}"
    for path in CONF.glob("*/*.yaml")
    if path.parent.name not in ELSEWHERE and path.stem not in ("base", "indexed")
)


RANDOM = {  # weights that are not downloaded here
    "loss=pconv": ["loss.extractors.vgg.weights=random"],
    "loss=pconv_rgb": ["loss.extractors.vgg.weights=random"],
    "loss=lama": ["loss.extractors.resnet.weights=random"],
    "loss=lama_vgg": ["loss.extractors.vgg.weights=random"],
    "loss=aot": ["loss.extractors.vgg.weights=random"],
    "model=damsm": ["model.trunk=resnet18", "model.weights=random"],
}


def needed(choice):
    root = [] if choice == "data=demo" else ["data.root=pictures"]
    more = {
        "data=index": ["data.index=index.jsonl"],
        "masks=files": ["masks.root=masks/sample"],
        "masks=aot": ["masks.root=masks/sample"],
        "sample=reference": ["sample.reference.root=twins"],
        "sample=target_picture": ["sample.target.root=twins"],
        "text_image=damsm": ["text_image.checkpoint=none"],
    }
    return root + more.get(choice, [])


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_composes_resolves_is_not_refused_and_can_be_built(choice, tmp_path):
    cfg, group = configure(choice, *needed(choice), f"run_dir={tmp_path}"), choice.split("=")[0]
    assert OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert list(problems(cfg)) == []
    if choice == "loss=distill":
        return  # without a teacher there is none
    if group in ("masks", "model", "optimizer", "scheduler", "loss", "discriminator"):
        more = [*SMALL.get(choice.removeprefix("model="), []), *RANDOM.get(choice, [])]
        assert callable(instantiate(configure(choice, *needed(choice), "iterations=10", *more)[group]))
    if group == "data":
        data = instantiate(cfg.data)
        assert (data.image_size, data.on_bad_file) == (256, "error")
        listing = choice.removeprefix("data=")
        assert listing in ("demo", "index") or type(data.listing).__name__.lower() == listing


@pytest.fixture
def split_folder(picture_folder):
    """Pictures in ``train/`` and ``val/``: what every experiment's dataset can be made of."""
    for number, split in enumerate(("train", "val")):
        (picture_folder / f"{number}").rename(picture_folder / split)
    for number, picture in enumerate(sorted(picture_folder.rglob("*.png"))):
        picture.with_suffix(".txt").write_text(f"a red bird\nbird number {number % 3}\n")
    return picture_folder


ZOO = {  # each family as small as it may be
    "deepfill": ["model.width=2", "discriminator.channels=[4,4]", "discriminator.strides=[2,2]"],
    "aot": [
        *("model.width=4", "model.blocks=1", "data.image_size=64", "discriminator.channels=[4,4,4,4]"),
        "loss=pixel",
    ],
    "mobile": ["model.channels=[4,4]", "model.rates=[1]"],
}
QUICK = ["pconv_finetune", "tdanet_cub64_cpu", "damsm_cub"]  # one of each kind; the demo runs below
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in EXPERIMENTS if name not in ("demo", *QUICK)]


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_every_experiment_runs(name, tmp_path, split_folder):
    data, tiny, extra = [f"data.root={split_folder}"], TINY, []
    if name == "pconv_finetune":
        train(tmp_path / "first", *data, "iterations=2")
        extra = [f"init_from={tmp_path / 'first/checkpoints/last.ckpt'}"]
    elif name.startswith("tdanet"):
        tiny, extra = TINY_TEXT, ["data=folder"]
    elif name.startswith("lama"):
        tiny = [*TINY_LAMA, *(["trainer.devices=1"] if "big" in name else []), "masks=lama_wide"]
        if name == "lama_finetune":
            train(tmp_path / "first", "experiment=lama_folder", *data, "iterations=2", tiny=tiny)
            extra = [f"init_from={tmp_path / 'first/checkpoints/last.ckpt'}"]
    elif name.startswith(("deepfill", "aot", "mobile")):
        tiny, extra = [s for s in TINY if not s.startswith(("model", "loss"))], ZOO[name.split("_")[0]]
        if "places" in name:
            extra = [*extra, "data=folder", "masks=mix"]
        if name == "mobile_folder":
            extra = [*extra, "loss=pixel"]
        if "distill" in name:
            train(tmp_path / "first", *data, "iterations=2")
            extra = [*extra, f"teacher={tmp_path / 'first/checkpoints/last.ckpt'}"]
    elif name == "damsm_cub":
        tiny, extra = [s for s in TINY_TEXT if s.startswith(("trainer", "data", "iter", "val"))], [
            "data=folder", "model.trunk=resnet18", "model.weights=random", "model.size=32"
        ]  # fmt: skip
    settings = [f"experiment={name}", "task.compile=false", "iterations=2", *data, *extra]
    train(tmp_path / "run", *settings, tiny=tiny, preflight=True)
    assert len(metrics(tmp_path / "run", "train/loss")) == 2


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_choose_groups_and_set_numbers_and_have_the_last_word(name):
    lines = (CONF / f"experiment/{name}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    assert len(lines) <= 25
    assert not any("_target_" in line for line in lines)
    cfg, numbers = configure(f"experiment={name}"), OmegaConf.load(CONF / f"experiment/{name}.yaml")
    assert cfg.iterations == numbers.iterations
    assert cfg.run_name == name


@pytest.mark.parametrize("path", EXPLAINED, ids=lambda p: p.relative_to(CONF).as_posix())
def test_every_key_is_explained_by_a_comment(path):
    lines = path.read_text().split("\nhydra:")[0].splitlines()
    keys = [line for line in lines if re.match(r"\s*\w+: *[^ #{]", line) and "_target_" not in line]
    assert [key for key in keys if " #" not in key and "_partial_" not in key] == []
    assert lines[0].startswith("# ")


@pytest.mark.stranger("17.C.2")
@pytest.mark.parametrize(("loss", "space"), [("pconv", "imagenet"), ("pconv_rgb", "rgb"), ("pixel", "rgb")])
def test_the_space_of_hole_and_valid_pixels(loss, space):
    assert configure("data.root=pictures", f"loss={loss}").loss.pixel_space == space


def test_published_weights_of_the_loss():
    terms = configure("data.root=pictures").loss.terms
    assert {name: line.weight for name, line in terms.items()} == {
        "valid": 1, "hole": 6, "perceptual": 0.05, "style": 120, "tv": 0.1
    }  # fmt: skip


def test_tensorboard_gets_scalars_and_grids(tmp_path, picture_folder):
    train(tmp_path, f"data.root={picture_folder}", "logger=tensorboard", "iterations=2")
    assert (tmp_path / "metrics.csv").exists()
    assert any(path.is_file() for path in (tmp_path / "tensorboard").rglob("*"))


def test_demo_ends_with_table_scores_and_sheet(tmp_path, capsys):
    train(tmp_path, "experiment=demo", "iterations=2")
    assert len(metrics(tmp_path, "train/loss")) == 2
    scores = json.loads((tmp_path / "metrics.json").read_text())
    assert list(scores) == ["inlay", "mean", "telea", "navier_stokes"]
    assert all(list(row) == ["hole_psnr", "hole_l1", "psnr", "ssim"] for row in scores.values())
    assert read_picture(tmp_path / "filled.png").size[0] == 2 * 256 + 4
    printed = capsys.readouterr().out
    assert "navier_stokes" in printed
    assert str(tmp_path / "filled.png") in printed
