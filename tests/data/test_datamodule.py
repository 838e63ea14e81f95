import numpy as np
import pytest
import torch

from inlay.data import DemoData, FolderData
from inlay.data.datamodule import available_cores, to_batch
from inlay.data.demo import HELD_OUT, TRAINING
from inlay.errors import InlayError
from inlay.masks import Boxes, Center

BOXES = Boxes(ratio=(0.1, 0.4))


@pytest.fixture
def folder(picture_folder):
    def build(**options):
        settings = {"masks": BOXES, "image_size": 32, "batch_size": 2, "workers": 0, "val_fraction": 0.5} | options
        return FolderData(str(picture_folder), **settings)

    return build


def on_rank(monkeypatch, rank, world):
    for module in ("loader", "datamodule"):
        monkeypatch.setattr(f"inlay.data.{module}.rank_and_world", lambda: (rank, world))


def validated(data):
    return [name for batch in data.val_dataloader() for name in batch["id"]]


class TestToBatch:
    @pytest.fixture
    def stored(self, rng):
        return {
            "image": torch.from_numpy(rng.integers(0, 256, (2, 5, 7, 3)).astype(np.uint8)),
            "mask": torch.from_numpy(rng.random((2, 5, 7)) < 0.5),
            "id": ["a", "b"],
        }

    def test_has_the_shapes_and_types_of_the_contract(self, stored):
        batch = to_batch(stored)
        assert (batch["image"].shape, batch["image"].dtype) == ((2, 3, 5, 7), torch.float32)
        assert (batch["mask"].shape, batch["mask"].dtype) == ((2, 1, 5, 7), torch.float32)
        assert batch["id"] == ["a", "b"]

    def test_divides_bytes_by_255(self, stored):
        expected = stored["image"].permute(0, 3, 1, 2) / 255
        assert torch.equal(to_batch(stored)["image"], expected)

    def test_spans_0_to_1(self, stored):
        stored["image"][0, 0, 0] = torch.tensor([0, 128, 255])
        image = to_batch(stored)["image"]
        assert (image.min(), image.max()) == (0, 1)

    def test_has_one_where_the_hole_is(self, stored):
        mask = to_batch(stored)["mask"]
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(mask[:, 0] > 0, stored["mask"])

    def test_is_channels_last(self, stored):
        assert to_batch(stored)["image"].is_contiguous(memory_format=torch.channels_last)
        assert to_batch(stored)["image"].stride() == (5 * 7 * 3, 1, 7 * 3, 3)

    def test_leaves_what_was_stored_alone(self, stored):
        before = stored["image"].clone()
        to_batch(stored)
        assert torch.equal(stored["image"], before)


class TestTraining:
    def test_batches_have_the_asked_for_size(self, folder):
        data = folder(batch_size=3)
        batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
        assert batch["image"].shape == (3, 3, 32, 32)
        assert batch["mask"].shape == (3, 1, 32, 32)

    def test_batches_are_shared_out_over_the_processes(self, folder, monkeypatch):
        on_rank(monkeypatch, 0, world=4)
        assert next(iter(folder(batch_size=8).train_dataloader()))["image"].shape[0] == 2

    @pytest.mark.parametrize("loader", ["train_dataloader", "val_dataloader"])
    def test_batches_that_cannot_be_shared_out_are_refused(self, folder, loader, monkeypatch):
        on_rank(monkeypatch, 0, world=3)
        with pytest.raises(InlayError, match=r"data\.batch_size=8 must be divisible by the 3 processes"):
            getattr(folder(batch_size=8), loader)()

    def test_holes_are_those_of_the_family(self, folder):
        batch = next(iter(folder(masks=Center(side=0.5)).train_dataloader()))
        assert batch["mask"].float().mean() == 0.25


class TestValidation:
    @pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
    def test_covers_every_sample_once_and_in_order(self, folder, batch_size):
        data = folder(batch_size=batch_size)
        assert validated(data) == data.pictures("val").names

    def test_is_shared_out_over_the_processes(self, folder, monkeypatch):
        names = folder().pictures("val").names
        shares = []
        for rank in range(2):
            on_rank(monkeypatch, rank, world=2)
            shares += validated(folder())
        assert sorted(shares) == names

    def test_is_the_same_every_time(self, folder):
        first, again = ([(b["image"], b["mask"]) for b in folder().val_dataloader()] for _ in range(2))
        assert all(
            torch.equal(x, y) for one, other in zip(first, again, strict=True) for x, y in zip(one, other, strict=True)
        )

    def test_may_have_holes_of_its_own(self, folder):
        batch = next(iter(folder(val_masks=Center(side=0.5)).val_dataloader()))
        assert batch["mask"].float().mean() == 0.25

    def test_shares_no_picture_with_training(self, folder):
        assert set(folder().pictures("train").names).isdisjoint(folder().pictures("val").names)

    def test_takes_pictures_that_have_the_size_already(self, folder):
        assert next(iter(folder(image_size=40, masks=Center()).val_dataloader()))["image"].shape[1:] == (40, 40, 3)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"image_size": 15}, r"data\.image_size must be at least 16, got 15"),
            ({"batch_size": 0}, r"data\.batch_size must be >= 1 .* got 0"),
            ({"color_jitter": 1.5}, r"data\.color_jitter must lie in \[0, 1\], got 1\.5"),
            ({"color_jitter": -0.1}, r"data\.color_jitter must lie in \[0, 1\], got -0\.1"),
            ({"workers": -1}, r"data\.workers >= 0, got 2 and -1"),
            ({"crop_scale": (0.0, 1.0)}, r"data\.crop_scale must be \[low, high\] .* got \[0\.0, 1\.0\]"),
            ({"crop_scale": (0.9, 0.5)}, r"data\.crop_scale must be .* got \[0\.9, 0\.5\]"),
            ({"crop_scale": (0.5, 1.5)}, r"data\.crop_scale must be .* got \[0\.5, 1\.5\]"),
        ],
    )
    def test_of_a_number_out_of_range(self, folder, options, message):
        with pytest.raises(InlayError, match=message):
            folder(**options)

    @pytest.mark.parametrize("fraction", [0, 1])
    def test_of_a_fraction_that_leaves_a_split_empty(self, folder, fraction):
        with pytest.raises(InlayError, match=r"data\.val_fraction must lie between 0 and 1"):
            folder(val_fraction=fraction).train_dataloader()

    def test_of_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(InlayError, match=r"data\.root=.*none: no such folder"):
            FolderData(str(tmp_path / "none"), masks=BOXES).train_dataloader()


class TestDemo:
    @pytest.fixture
    def demo(self):
        return DemoData(masks=BOXES, image_size=32, batch_size=4, workers=0)

    def test_trains_on_eight_photographs_and_holds_two_out(self):
        assert (len(set(TRAINING)), len(set(HELD_OUT))) == (8, 2)

    def test_holds_out_what_it_does_not_train_on(self):
        assert set(TRAINING).isdisjoint(HELD_OUT)

    @pytest.mark.parametrize(("split", "names"), [("train", TRAINING), ("val", HELD_OUT)])
    def test_has_those_photographs_in_its_splits(self, demo, split, names):
        pictures = demo.pictures(split)
        assert {pictures.name(index) for index in range(len(pictures))} == set(names)

    @pytest.mark.parametrize("split", ["train", "val"])
    def test_photographs_are_in_color_and_larger_than_a_sample(self, demo, split):
        pictures = demo.pictures(split)
        for index in range(len(pictures)):
            image = pictures.read(index)
            assert (image.dtype, image.shape[2]) == (np.uint8, 3)
            assert min(image.shape[:2]) == 3 * demo.image_size

    def test_makes_batches(self, demo):
        assert next(iter(demo.train_dataloader()))["image"].shape == (4, 32, 32, 3)
        assert next(iter(demo.val_dataloader()))["image"].shape == (2, 32, 32, 3)


def test_never_more_workers_than_cores(picture_folder):
    assert FolderData(root=str(picture_folder), masks=Center(), workers=10_000).workers == available_cores()
