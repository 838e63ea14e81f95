import re
from itertools import islice

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from inlay.data.datamodule import IndexedData
from inlay.data.datasets import Folder
from inlay.data.demo import HELD_OUT, TRAINING, DemoData
from inlay.data.loader import to_batch
from inlay.data.parts import DrawMask
from inlay.data.prepare import prepare
from inlay.data.skipped import SkippedSample
from inlay.errors import BadFile, InlayError
from inlay.masks import Center, Paired
from inlay.parallel import cores
from tests.pictures import half

NAMES = {"train": [f"train/{number}.png" for number in range(4)], "val": [f"val/{number}.png" for number in range(3)]}


def noise(height, width, rng, context=None):
    return rng.random((height, width)) < 0.5


@pytest.fixture
def root(save, tmp_path):
    for name in NAMES["train"] + NAMES["val"]:
        save(f"root/{name}", (40, 50))
    (tmp_path / "root/train/0.txt").write_text("One.\nTwo.\n")
    return tmp_path / "root"


@pytest.fixture
def folder(root):
    def build(masks=noise, val_masks=None, **options):
        settings = {"image_size": 32, "batch_size": 2, "num_workers": 0, "listing": Folder()} | options
        return IndexedData(str(root), sample={"mask": DrawMask(masks, val_masks)}, **settings)

    return build


def validated(data):
    return [name for batch in data.val_dataloader() for name in batch["id"]]


def test_bytes_become_a_batch_of_floats(rng):
    pixels, hole = rng.integers(0, 256, (2, 5, 7, 3)).astype(np.uint8), rng.random((2, 5, 7)) < 0.5
    tensors = {"image": torch.from_numpy(pixels), "mask": torch.from_numpy(hole)}
    batch = to_batch(tensors | {"id": ["a", "b"], "caption": ["x", ""]})
    assert torch.equal(batch["image"], torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    assert batch["image"].stride() == (5 * 7 * 3, 1, 7 * 3, 3)  # channels_last
    assert torch.equal(batch["mask"], torch.from_numpy(hole[:, None]).float())
    assert (batch["id"], batch["caption"]) == (["a", "b"], ["x", ""])
    assert np.array_equal(tensors["image"].numpy(), pixels)
    assert "caption" not in to_batch(tensors | {"id": ["a", "b"]})


def first(data):
    return data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)


class TestBatches:
    def test_have_the_asked_for_size_and_captions_where_the_dataset_has(self, folder):
        batch = first(folder(batch_size=3))
        assert (batch["image"].shape, batch["mask"].shape) == ((3, 3, 32, 32), (3, 1, 32, 32))
        assert set(batch) == {"image", "mask", "id"}
        batch = first(folder(batch_size=4, listing=Folder(captions="beside")))
        said = dict(zip(batch["id"], batch["caption"], strict=True))
        assert said.pop("train/0.png") in ("One.", "Two.")
        assert set(said.values()) == {""}

    def test_are_shared_out_over_the_processes_or_refused(self, folder, on_rank):
        on_rank(0, world=4)
        assert next(iter(folder(batch_size=8).train_dataloader()))["image"].shape[0] == 2
        shares = []
        for rank in range(2):
            on_rank(rank, world=2)
            shares += validated(folder())
        assert sorted(shares) == NAMES["val"]
        on_rank(0, world=3)
        for loader in ("train_dataloader", "val_dataloader"):
            with pytest.raises(InlayError, match=r"data\.batch_size=8 must be divisible by the 3 processes"):
                getattr(folder(batch_size=8), loader)()

    def test_settings_reach_the_samples(self, folder):
        data = folder(crop_scale=(0.2, 0.9), hflip_prob=0.1, object_crop_scale=2.0, on_bad_file="skip", seed=7)
        samples = data.train_dataloader().dataset
        assert (samples.crop_scale, samples.hflip_prob, samples.config.object_crop_scale) == ((0.2, 0.9), 0.1, 2.0)
        assert (samples.config.on_bad_file, samples.config.seed, samples.config.size) == ("skip", 7, 32)
        plain, jittered = (next(iter(folder(color_jitter=x).train_dataloader())) for x in (0.0, 0.5))
        assert torch.equal(plain["mask"], jittered["mask"])
        assert not torch.equal(plain["image"], jittered["image"])

    def test_validation_covers_every_sample_once_in_an_order_of_the_seed(self, folder):
        """Datasets lie sorted by class; neighbors in a batch, and the pictures of a grid, shall not."""
        orders = [[validated(folder(seed=seed, batch_size=size)) for seed in range(6)] for size in (1, 2, 4, 100)]
        assert all(sorted(order) == NAMES["val"] for order in orders[0])
        assert orders == [orders[0]] * 4
        assert len(set(map(tuple, orders[0]))) > 1

    def test_validation_may_have_holes_of_its_own(self, folder):
        data = folder(val_masks=Center(side=0.5))
        loaders = data.train_dataloader(), data.val_dataloader()
        training, validation = (next(iter(loader))["mask"].float().mean() for loader in loaders)
        assert validation == 0.25 != training


def test_splits_are_those_of_the_index_and_doubted_where_they_are_one(folder, caplog):
    data = folder()
    for split, names in NAMES.items():
        pictures = data.pictures(split)
        assert [pictures.id(index) for index in range(len(pictures))] == names
    with pytest.raises(InlayError, match=r"no pictures in split 'trainval'; it has train \(4\), val \(3\)"):
        folder(train_split="trainval").train_dataloader()
    caplog.clear()
    data = folder(train_split="val", val_split="train")
    data.setup("fit")
    assert sorted(validated(data)) == NAMES["train"]
    assert caplog.records == []
    folder(train_split="val").setup("fit")
    assert "data.train_split and data.val_split are both 'val'" in caplog.text


class TestIndex:
    def test_is_made_ahead_of_training_and_once_or_given(self, folder, root, tmp_path, capsys):
        data = folder()
        data.prepare_data()
        assert "7 found: 7 kept, 0 refused" in capsys.readouterr().out
        data.setup("fit")
        data.train_dataloader()
        assert capsys.readouterr().out == ""
        prepare(Folder(), root, tmp_path / "index.jsonl", 0)
        data = folder(listing=None, index=str(tmp_path / "index.jsonl"))
        data.prepare_data()
        data.setup("fit")
        assert sorted(validated(data)) == NAMES["val"]
        assert capsys.readouterr().out == ""

    def test_tells_what_it_refused_also_of_other_splits(self, folder, root):
        (root / "test").mkdir()
        files = {split: root / split / "broken.jpg" for split in ("test", "train", "val")}
        for path in (*files.values(), root / "beside.jpg"):
            path.write_text("broken")
        data = folder(on_bad_file="skip")
        data.setup("fit")
        news = data.skipped.drain()
        expected = [(split, f"{split}/broken.jpg", "picture", str(path)) for split, path in files.items()]
        assert [problem[:4] for problem in news] == expected
        assert all(isinstance(problem, SkippedSample) and "not a picture" in problem.reason for problem in news)

    def test_of_a_broken_file(self, folder, root):
        (root / "val/broken.jpg").write_text("broken")
        with pytest.raises(BadFile, match=rf"^{root}/val/broken\.jpg: not a picture"):
            folder().prepare_data()
        data = folder(verify=False)  # made without decoding
        data.prepare_data()
        assert len(data.pictures("val")) == 4
        with pytest.raises(BadFile, match=rf"^{root}/val/broken\.jpg: not a picture"):
            validated(data)
        data = folder(on_bad_file="skip", train_split="val", val_split="train")
        data.setup("fit")
        assert [problem.split for problem in data.skipped.drain()] == ["train"]  # as this run calls it


def test_missing_paired_masks_are_noted_before_training_and_looked_for_in_validation(folder, save, tmp_path, caplog):
    for name in ("train/0", "train/2"):
        save(f"masks/{name}.png", np.where(half(40, 50), np.uint8(255), np.uint8(0)))
    masks = Paired(root=str(tmp_path / "masks"))
    data = folder(masks=masks, val_masks=noise)
    data.setup("fit")
    problems = [SkippedSample("train", f"train/{n}.png", "hole", "", "no mask for it") for n in (1, 3)]
    assert data.skipped.drain() == problems
    assert "2 of 4 pictures (train) have no mask, as train/1.png" in caplog.text
    names = {name for batch in islice(data.train_dataloader(), 4) for name in batch["id"]}
    assert names == {"train/0.png", "train/2.png"}
    data = folder(val_masks=masks)
    data.setup("fit")
    assert [problem[:2] for problem in data.skipped.drain()] == [("val", name) for name in NAMES["val"]]


OUT_OF_RANGE = (
    "image_size=15 batch_size=0 color_jitter=1.5 color_jitter=-0.1 hflip_prob=1.5 hflip_prob=-0.1 num_workers=-1 "
    "crop_scale=[0.0,1.0] crop_scale=[0.9,0.5] crop_scale=[0.5,1.5] object_crop_scale=0.9 on_bad_file=ignore"
)


@pytest.mark.parametrize("setting", OUT_OF_RANGE.split())
def test_settings_out_of_range_are_refused(folder, setting):
    (option,) = OmegaConf.to_object(OmegaConf.from_dotlist([setting])).items()
    with pytest.raises(InlayError, match=rf"data\.{option[0]} must .*, got {re.escape(repr(option[1]))}"):
        folder(**dict([option]))


def test_demo_has_photographs_in_color_and_larger_than_a_sample_and_makes_batches():
    demo = DemoData(sample={"mask": DrawMask(noise)}, image_size=32, batch_size=4, num_workers=0)
    assert [len(set(some)) for some in (TRAINING, HELD_OUT, TRAINING + HELD_OUT)] == [8, 2, 10]
    for split, names in (("train", TRAINING), ("val", HELD_OUT)):
        pictures = demo.pictures(split)
        assert {pictures.id(index) for index in range(len(pictures))} == set(names)
        for index in range(len(pictures)):
            image = pictures.read(index).pixels
            assert (image.dtype, image.shape[2], min(image.shape[:2])) == (np.uint8, 3, 3 * demo.image_size)
    assert next(iter(demo.train_dataloader()))["image"].shape == (4, 32, 32, 3)
    assert next(iter(demo.val_dataloader()))["image"].shape == (2, 32, 32, 3)


def test_workers_are_never_more_than_cores_and_make_the_same_batches(folder, monkeypatch):
    assert folder(num_workers=10_000).num_workers == cores()
    monkeypatch.setattr("inlay.data.datamodule.cores", lambda: 2)
    for name in ("train_dataloader", "val_dataloader"):
        here, there = (next(iter(getattr(folder(num_workers=workers), name)())) for workers in (0, 2))
        assert torch.equal(here["image"], there["image"])
        assert torch.equal(here["mask"], there["mask"])
        assert here["id"] == there["id"]


def test_real_photographs_make_batches(shared_data):
    sample, root = {"mask": DrawMask(noise)}, str(shared_data / "photos")
    data = IndexedData(root, listing=Folder(), sample=sample, image_size=64, batch_size=4, num_workers=0, verify=False)
    assert (len(data.pictures("train")), len(data.pictures("val"))) == (300, 60)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert batch["image"].std() > 0.05
