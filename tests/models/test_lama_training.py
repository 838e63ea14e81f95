"""Trainings of small LaMa networks: that they learn, and that they go on with what an import brings."""

import cv2
import numpy as np
import pytest
import torch

from inlay.checkpoints import build_network, read
from inlay.errors import InlayError
from inlay.export.folder import write_folder
from inlay.images import read_picture
from inlay.models import PatchDiscriminator
from inlay.ops import erase
from tests.training import TINY_LAMA, train, weights

RECIPE = ["experiment=lama_small_cpu", "task.r1_every=2"]


def test_fine_tuning_goes_on_with_discriminator_and_running_means(tmp_path, noise):
    train(tmp_path / "run", *RECIPE, f"data.root={noise}", "iterations=2", tiny=TINY_LAMA)
    before = read(tmp_path / "run/checkpoints/last.ckpt")
    state = before["state_dict"]
    for key in ("net.head.weight", "discriminators.0.score.bias"):
        means = {"exp_avg": torch.zeros_like(state[key]), "exp_avg_sq": torch.full_like(state[key], 1e12)}
        before["state_dict"] |= {f"optimizers.{key}.{k}": v for k, v in (means | {"step": torch.tensor(7.0)}).items()}
    write_folder(tmp_path / "imported", before, "", training=True)
    train(
        tmp_path / "tuned", "experiment=lama_finetune", "model=lama_small", f"init_from={tmp_path / 'imported'}",
        f"data.root={noise}", "iterations=2", tiny=TINY_LAMA,
    )  # fmt: skip
    after = read(tmp_path / "tuned/checkpoints/last.ckpt")
    for key in ("net.head.weight", "discriminators.0.score.bias"):  # gradients were that large: steps are that small
        torch.testing.assert_close(after["state_dict"][key], state[key], atol=1e-8, rtol=0)
    for key in ("net.head.bias", "discriminators.0.score.weight"):
        assert not torch.allclose(after["state_dict"][key], state[key], atol=1e-7, rtol=0)
    assert {9.0, 2.0} == {float(m["step"]) for side in after["optimizer_states"] for m in side["state"].values()}


@pytest.mark.parametrize(
    "changes", [["optimizer._target_=torch.optim.SGD", "~optimizer.betas"], ["+optimizer.amsgrad=true"]]
)
def test_an_optimizer_that_has_no_use_for_the_means_is_refused(tmp_path, noise, changes):
    train(tmp_path / "run", *RECIPE, f"data.root={noise}", "iterations=1", tiny=TINY_LAMA)
    before = read(tmp_path / "run/checkpoints/last.ckpt")
    key, state = "optimizers.net.head.weight", before["state_dict"]
    mean = torch.zeros_like(state["net.head.weight"])
    state |= {f"{key}.exp_avg": mean, f"{key}.exp_avg_sq": mean + 1, f"{key}.step": torch.tensor(1.0)}
    write_folder(tmp_path / "imported", before, "", training=True)
    start = ["experiment=lama_finetune", "model=lama_small", f"init_from={tmp_path / 'imported'}"]
    with pytest.raises(InlayError, match="init_from brings the running means"):
        train(tmp_path / "tuned", *start, f"data.root={noise}", *changes, tiny=TINY_LAMA)


@pytest.fixture
def sixteen(tmp_path, shared_data):
    photos = sorted((shared_data / "photos/train").iterdir())[:16]
    (tmp_path / "photos").mkdir()
    for photo in photos:
        (tmp_path / "photos" / photo.name).symlink_to(photo)
    return tmp_path / "photos"


def squares(photos, side=64):
    pixels = [cv2.resize(read_picture(one).pixels, (side, side), interpolation=cv2.INTER_AREA) for one in photos]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 255


@pytest.mark.slow
def test_18_learns_and_neither_side_wins(sixteen, tmp_path):
    train(
        tmp_path / "run", "experiment=lama_small_cpu", f"data.root={sixteen}", "iterations=300",
        "validate_every=300",
        tiny=["data.image_size=64", "data.num_workers=0", "model.blocks=2"],
    )  # fmt: skip
    image = squares(sorted(sixteen.iterdir()))
    hole = torch.zeros(16, 1, 64, 64)
    hole[:, :, 20:44, 16:40] = 1
    known = (image * (1 - hole)).sum((2, 3), keepdim=True) / (1 - hole).sum((2, 3), keepdim=True)
    with torch.no_grad():
        raw = build_network(tmp_path / "run/checkpoints/last.ckpt")(erase(image, hole), hole)
        judge = PatchDiscriminator(channels=[16, 32, 64, 64], strides=[2, 2, 2, 1])
        held = weights(tmp_path / "run")["state_dict"]
        prefix = "discriminators.0."
        judge.load_state_dict({k.removeprefix(prefix): v for k, v in held.items() if k.startswith(prefix)})
        real, fake = judge(image).scores, judge(raw).scores

    def error(filled):
        return ((filled - image).abs() * hole).sum() / (3 * hole.sum())

    assert error(raw) <= 0.75 * error(known)
    middle = slice(real.shape[2] // 2, real.shape[2] // 2 + 2)  # patches of the hole
    right = torch.cat([(real > 0).float().flatten(), (fake[:, :, middle, middle] < 0).float().flatten()]).mean()
    assert 0 < right < 1
