"""What samples hold beside their picture lines up with it after every crop and flip."""

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from inlay.data.parts import PairedPicture
from inlay.errors import InlayError
from inlay.masks import Center
from tests.training import configure


@pytest.fixture
def slopes(save):
    """Four pictures, red across and green down; twins with red and green exchanged, masks of the right half."""
    y, x = np.mgrid[0:60, 0:80].astype(np.uint8) * 3
    for number in range(4):
        save(f"root/train/{number}.png", np.stack([x, y, 0 * x + number], axis=2))
        save(f"twins/train/{number}.png", np.stack([y, x, 0 * x + number], axis=2))
        save(f"masks/train/{number}.png", np.where(x >= 120, 255, 0).astype(np.uint8))
    return save("root/val/0.png", np.stack([x, y, x], axis=2)).parents[1]


@pytest.fixture
def batches(slopes):
    """The first training and validation batch of the given samples, as the command line would have them."""

    def batches(*settings):
        more = ["data.val_split=train", "data.image_size=24", "data.batch_size=4", "data.num_workers=0"]
        cfg = configure(f"data.root={slopes}", "data.crop_scale=[0.3,0.9]", *more, *settings)
        OmegaConf.resolve(cfg.data)
        data = instantiate(cfg.data)
        loaders = data.train_dataloader(), data.val_dataloader()
        return data, [data.on_after_batch_transfer(next(iter(loader)), 0) for loader in loaders]

    return batches


@pytest.mark.parametrize("jitter", [0.0, 0.5])
@pytest.mark.parametrize(("key", "name"), [("target", "target_picture"), ("reference", "reference")])
def test_a_twin_is_cut_flipped_and_colored_as_its_picture(batches, slopes, tmp_path, key, name, jitter):
    sample = [f"sample=[hole,{name}]", f"sample.{key}.root={slopes}", f"data.color_jitter={jitter}"]
    for batch in batches(*sample)[1]:  # which is its own twin
        assert (batch[key] == batch["image"]).all()
    for batch in batches(f"sample=[hole,{name}]", f"sample.{key}.root={tmp_path / 'twins'}")[1]:
        assert (batch[key][:, [1, 0, 2]] == batch["image"]).all()
        assert batch["mask"].any()


def test_a_twin_of_another_resolution_lines_up_and_of_other_proportions_or_missing_is_listed(batches, save, tmp_path):
    settings = ["sample=[target_picture]", f"sample.target.root={tmp_path / 'twins'}"]
    y, x = np.mgrid[0:120, 0:160] * 1.5
    for number in range(4):
        save(f"twins/train/{number}.png", np.stack([x, y, 0 * x], axis=2).astype(np.uint8))
    for batch in batches(*settings)[1]:
        assert (batch["target"] - batch["image"])[:, :2].abs().max() < 4 / 255
    save("twins/train/1.png", (80, 60))
    with pytest.raises(InlayError, match=r"1\.png: has other proportions .*60x80, its picture 80x60"):
        batches(*settings)
    data, _ = batches(*settings, "data.on_bad_file=skip")
    assert {(one.what, one.id) for one in data.skipped.drain()} == {("target", "train/1.png")}
    (tmp_path / "twins/train/2.png").unlink()
    data, made = batches(*settings, "data.on_bad_file=skip")
    assert "train/2.png" not in [*made[0]["id"], *made[1]["id"]]
    data.setup("fit")
    assert {tuple(one)[:4] for one in data.skipped.drain()} >= {("train", "train/2.png", "target", "")}


def test_a_mask_target_is_cut_and_flipped_as_its_picture_and_may_be_empty(batches, save, tmp_path):
    settings = "sample=[target_mask]", f"sample.target.masks.root={tmp_path / 'masks'}"
    for batch in batches(*settings)[1]:
        expected = batch["image"][:, :1] * 255 >= 120
        assert batch["target"].shape == (4, 1, 24, 24)
        assert ((batch["target"] > 0.5) != expected).float().mean() < 0.05
        assert not batch["mask"].any()
    assert len({tuple(one.flatten().tolist()) for one in batch["target"]}) == 1
    for number in range(4):
        save(f"masks/train/{number}.png", np.zeros((60, 80), np.uint8))
    batch = batches(*settings)[1][0]
    assert len(batch["id"]) == 4
    assert not batch["target"].any()


@pytest.mark.parametrize("sample", ["sample=[picture]", "sample=[]"])
def test_pictures_alone_have_no_hole_and_draw_none(batches, monkeypatch, sample):
    monkeypatch.setattr(Center, "__call__", lambda *_: pytest.fail("drawn"))
    with_holes, alone = batches()[1][0], batches(sample, "masks=center")[1][0]
    assert not alone["mask"].any()
    assert (alone["image"] == with_holes["image"]).all()
    assert "target" not in alone


def test_other_entries_are_collated_as_they_are(slopes):
    from inlay.data.datamodule import IndexedData
    from inlay.data.datasets import Folder

    scores = {"scores": lambda view, rng, training: np.array([1.0, int(view.id[-5])], np.float32)}
    data = IndexedData(str(slopes), sample=scores, listing=Folder(), image_size=24, batch_size=4, num_workers=0)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert batch["scores"].tolist() == [[1.0, int(id[-5])] for id in batch["id"]]
    with pytest.raises(InlayError, match=r"data\.sample must not name image"):
        IndexedData(str(slopes), sample={"image": PairedPicture(str(slopes))}, listing=Folder())
