from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from inlay.data.loader import AddressStream, TrainingLoader, rank_and_world
from inlay.data.pictures import find_pictures
from inlay.data.samples import TrainingSamples
from inlay.errors import InlayError
from inlay.masks import Boxes

WORKERS = pytest.mark.parametrize("workers", [0, 2])
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # two workers on a machine of one core


def head(stream, count, start=0):
    stream.start = start
    return list(islice(stream, count))


def on_rank(monkeypatch, rank, world):
    monkeypatch.setattr("inlay.data.loader.rank_and_world", lambda: (rank, world))


class TestAddressStream:
    def test_has_every_sample_once_in_a_pass(self):
        drawn = head(AddressStream(7, seed=0), 28)
        for epoch in range(4):
            assert [address.epoch for address in drawn[7 * epoch : 7 * epoch + 7]] == [epoch] * 7
            assert sorted(address.index for address in drawn[7 * epoch : 7 * epoch + 7]) == list(range(7))

    def test_has_another_order_in_every_pass(self):
        drawn = [address.index for address in head(AddressStream(20, seed=0), 100)]
        orders = [drawn[start : start + 20] for start in range(0, 100, 20)]
        assert all(first != second for first, second in pairwise(orders))
        assert orders[0] != sorted(orders[0])

    def test_depends_on_the_seed_alone(self):
        first, again, other = (head(AddressStream(20, seed), 40) for seed in (1, 1, 2))
        assert first == again != other

    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_goes_round_a_data_set_smaller_than_the_batch(self, length):
        drawn = head(AddressStream(length, seed=0), 8 * length)
        assert [address.epoch for address in drawn] == [place // length for place in range(8 * length)]

    @pytest.mark.parametrize("start", [0, 1, 5, 7, 20])
    def test_starts_at_any_place(self, start):
        stream = AddressStream(7, seed=0)
        assert head(stream, 15, start) == head(stream, 15 + start)[start:]

    @pytest.mark.parametrize("world", [2, 3])
    @pytest.mark.parametrize("length", [1, 2, 6, 7, 12, 13])
    def test_gives_all_processes_together_what_it_gives_to_one(self, length, world, monkeypatch):
        batch, steps = 6, 9
        whole = head(AddressStream(length, seed=3), batch * steps)
        shares = []
        for rank in range(world):
            on_rank(monkeypatch, rank, world)
            shares.append(head(AddressStream(length, seed=3), batch // world * steps))
        for step in range(steps):
            mine = slice(step * batch // world, (step + 1) * batch // world)
            together = sorted(address for share in shares for address in share[mine])
            assert together == sorted(whole[step * batch : (step + 1) * batch])

    @pytest.mark.parametrize("rank", [0, 1])
    def test_starts_at_any_place_in_every_process(self, rank, monkeypatch):
        on_rank(monkeypatch, rank, world=2)
        stream = AddressStream(7, seed=0)
        assert head(stream, 10, start=9) == head(stream, 19)[9:]

    def test_is_alone_outside_distributed_training(self):
        assert rank_and_world() == (0, 1)


@pytest.fixture
def loader(picture_folder):
    def build(workers=0, seed=0, batch_size=2):
        pictures = find_pictures(picture_folder, "train", 0.2)
        samples = TrainingSamples(pictures, Boxes(ratio=(0.1, 0.4)), 16, seed, (0.3, 0.8))
        return TrainingLoader(samples, AddressStream(len(samples), seed), batch_size, num_workers=workers)

    return build


def batches(loader, count):
    return [(b["image"].numpy().tobytes(), b["mask"].numpy().tobytes(), b["id"]) for b in islice(loader, count)]


class TestTrainingLoader:
    def test_hands_out_whole_batches_over_the_end_of_a_pass(self, loader):
        images = [batch["image"] for batch in islice(loader(batch_size=4), 5)]
        assert [image.shape for image in images] == [(4, 16, 16, 3)] * 5
        assert images[0].dtype == torch.uint8

    def test_fills_a_batch_larger_than_the_data(self, loader):
        (batch,) = islice(loader(batch_size=20), 1)
        assert len({(image.tobytes()) for image in batch["image"].numpy()}) == 20

    def test_is_the_same_with_and_without_workers(self, loader):
        assert batches(loader(workers=0), 6) == batches(loader(workers=2), 6)

    def test_differs_with_the_seed(self, loader):
        assert batches(loader(seed=1), 2) != batches(loader(seed=2), 2)

    @WORKERS
    def test_goes_on_where_the_stored_state_left_off(self, loader, workers):
        uninterrupted = batches(loader(workers), 7)
        killed, resumed = loader(workers), loader(workers)
        batches(killed, 3)
        resumed.load_state_dict(killed.state_dict())
        assert batches(resumed, 4) == uninterrupted[3:]

    def test_goes_on_with_another_number_of_workers(self, loader):
        killed, resumed = loader(workers=2), loader(workers=0)
        batches(killed, 3)
        resumed.load_state_dict(killed.state_dict())
        assert batches(resumed, 2) == batches(loader(), 5)[3:]

    @WORKERS
    def test_counts_what_it_handed_out_and_not_what_workers_prepared(self, loader, workers):
        some = loader(workers)
        batches(some, 3)
        assert some.state_dict() == {"handed_out": 3}

    def test_goes_on_when_it_is_asked_a_second_time(self, loader):
        some = loader()
        assert batches(some, 2) + batches(some, 2) == batches(loader(), 4)

    @WORKERS
    def test_does_not_listen_to_global_generators(self, loader, workers):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        first = batches(loader(workers), 2)
        torch.manual_seed(2)
        np.random.seed(2)  # noqa: NPY002
        assert batches(loader(workers), 2) == first

    @WORKERS
    def test_names_a_broken_file(self, loader, workers, picture_folder):
        some = loader(workers)
        for path in picture_folder.rglob("*.png"):
            path.write_bytes(path.read_bytes()[:99])
        with pytest.raises(InlayError, match=rf"{picture_folder}/\d/\d\.png: cannot be read"):
            batches(some, 1)
