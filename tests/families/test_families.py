"""Families of a stranger, each but its own file and yaml: nothing else of Inlay knows them."""

import signal
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from inlay.checkpoints import build_network
from inlay.cli import main
from inlay.cli.predict import main as predict
from inlay.fillers import load_filler
from inlay.images import Picture, read_picture, write_picture
from inlay.metrics.base import FillResult, measure
from tests.evaluation.evaluating import evaluate
from tests.families.stranger import bring
from tests.kills import die_before, remains
from tests.processes import GROUP, run
from tests.training import TINY, metrics, train, weights

SHORT = [setting for setting in TINY if not setting.startswith("model.")]
FAMILIES = {
    "text_guided": ["model=film", "text=gru", "text.dim=8", "text.embedding=8", "data.listing.captions=beside"],
    "gan": [
        "model=plain", "task=gan", "discriminator=patches", "optimizer@discriminator_optimizer=adam",
        "discriminator_optimizer.lr=1e-5", "task.r1=0.1", "task.r1_every=2", "task.feature_matching=10",
    ],
    "nested": ["model=three_parts"],
    "segmenter": ["model=pixels", "loss=dice", "task=supervised", "sample=target_mask", "monitor=val/loss"],
    "stochastic": ["model=walker"],
}  # fmt: skip
FILLING = [name for name in FAMILIES if name != "segmenter"]
STEPS, FATAL = 4, 3


def settings(family, data):
    objects = [f"sample.target.masks.root={data / 'objects'}"] if family == "segmenter" else []
    return [bring(family), f"data.root={data / 'pictures'}", *FAMILIES[family], *objects, "callbacks=plain"]


def trained(family, data, folder):
    train(folder, *settings(family, data), tiny=SHORT)


def killed(family, data, folder):
    die_before(FATAL)
    trained(family, data, folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory, noise):
    """Pictures with captions, and masks of what is in them."""
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "pictures").symlink_to(noise)
    for path in noise.glob("*.png"):
        red = read_picture(path).pixels[..., :1] > 127
        write_picture(folder / "objects" / path.name, Picture(np.repeat(red, 3, 2).astype(np.uint8) * 255))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """The runs of all families, each trained when it is asked for."""
    known = {}

    def get(family):
        if family not in known:
            known[family] = tmp_path_factory.mktemp(family)
            trained(family, data, known[family])
        return known[family]

    return get


@pytest.fixture
def inlay(monkeypatch):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["inlay", *map(str, words)])
        with suppress(SystemExit):  # whether it did what it should is looked at
            main()

    return call


@GROUP
@pytest.mark.parametrize("family", FAMILIES)
def test_a_killed_run_resumes_to_the_bits_of_one_that_was_not(family, data, runs, tmp_path):
    folder = tmp_path / "run"
    assert run(tmp_path / "log", killed, family, data, folder) == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert weights(folder)["global_step"] < STEPS
    train(folder, *settings(family, data), "resume=last", tiny=SHORT)
    assert remains(folder) == remains(runs(family))


@pytest.mark.parametrize("family", FAMILIES)
def test_is_rebuilt_from_its_file_and_from_its_exported_folder_alone(family, runs, inlay, tmp_path):
    path = runs(family) / "checkpoints/best.ckpt"
    inlay("export", path, "--to", tmp_path / "out", "--license", "mit")
    state = {k.removeprefix("net."): v for k, v in weights(runs(family), "best")["state_dict"].items()}
    for place in (path, tmp_path / "out"):
        net = build_network(place)
        assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize("family", FILLING)
def test_fills_and_is_evaluated(family, runs, data, monkeypatch, tmp_path):
    model = runs(family) / "checkpoints/best.ckpt"
    image, mask = next((data / "pictures").glob("*.png")), tmp_path / "mask.png"
    hole = np.zeros((48, 48, 3), np.uint8)
    hole[10:20, 10:31] = 255
    write_picture(mask, Picture(hole))
    words = "--image", image, "--mask", mask, "--model", model, "--output", tmp_path / "filled.png"
    monkeypatch.setattr(sys, "argv", ["predict", *map(str, words)])
    predict()
    before, after = read_picture(image).pixels, read_picture(tmp_path / "filled.png").pixels
    known = hole[..., 0] == 0
    assert np.array_equal(before[known], after[known])
    assert not np.array_equal(before, after)
    found = evaluate(
        tmp_path / "ev", f"data.root={data / 'pictures'}", f"fillers=[model:{model}]", "protocol.pictures=2"
    )
    assert np.isfinite(scores(found)["psnr_hole"])


def scores(results):
    """The values of the only filler over all holes, by metric."""
    (values,) = results["values"].values()
    return {name: value["value"] for name, value in values["all"].items()}


def test_both_learning_rates_and_every_term_of_the_gan_are_logged(runs):
    folder = runs("gan")
    for term in ("features", "adversarial", "r1", "d_loss"):
        assert np.isfinite(metrics(folder, f"train/{term}")).all()
    g, d = ([group["lr"] for group in state["param_groups"]] for state in weights(folder)["optimizer_states"][::-1])
    assert d == [1e-5]
    assert g != d


def test_best_is_where_the_monitored_loss_is_smallest(runs):
    losses = metrics(runs("segmenter"), "val/loss")
    best = weights(runs("segmenter"), "best")["global_step"]
    assert best == 2 * (1 + int(np.argmin(losses)))


def test_steps_and_guidance_of_a_filler_stand_in_its_yaml(runs, data, tmp_path):
    def filler(**numbers):
        config = {"_target_": "inlay.fillers.CheckpointFiller", "checkpoint": str(checkpoint), **numbers}
        path = tmp_path / "walker.yaml"
        path.write_text(yaml.safe_dump(config))
        return load_filler(path)

    checkpoint = runs("stochastic") / "checkpoints/best.ckpt"
    image, mask = torch.rand(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    mask[..., 4:9, 4:9] = 1
    fills = [
        filler(**numbers).fill(image, mask, seed=seed)
        for numbers in ({"steps": 1}, {"steps": 3}, {"steps": 3, "guidance": 2.0})
        for seed in (0, 1)
    ]
    assert len({fill.numpy().tobytes() for fill in fills}) == 6
    assert torch.equal(fills[3], filler(steps=3).fill(image, mask, seed=1))
    assert filler(steps=3).identity != filler(steps=1).identity
    found = evaluate(
        tmp_path / "ev",
        f"data.root={data / 'pictures'}",
        f"fillers=[{tmp_path / 'walker.yaml'}]",
        "protocol.pictures=2",
    )
    assert np.isfinite(scores(found)["psnr_hole"])


def test_a_probe_without_truth(data, tmp_path):
    words = [bring("probe"), f"data.root={data / 'pictures'}", "probe=colorfulness", "protocol.truth=false"]
    from inlay.metrics.colorfulness import Colorfulness

    found = evaluate(tmp_path, *words, "fillers=[mean]", "protocol.pictures=2")
    assert list(scores(found)) == ["colorfulness"]
    filled = torch.rand(2, 3, 8, 8)
    r, g, b = filled.double().numpy().transpose(1, 0, 2, 3).reshape(3, 2, -1)
    rg, yb = r - g, (r + g) / 2 - b
    own = np.hypot(rg.std(1), yb.std(1)) + 0.3 * np.hypot(rg.mean(1), yb.mean(1))
    result = measure(Colorfulness(), FillResult(filled, torch.ones(2, 1, 8, 8)))
    assert result["colorfulness"] == pytest.approx(own.mean())


def test_each_family_is_its_own_file_and_yaml():
    for family in (*FAMILIES, "probe"):
        files = [path for path in (Path(__file__).parent / family).rglob("*") if path.suffix in (".py", ".yaml")]
        assert len(files) <= 4
