from collections import Counter
from itertools import islice, pairwise

import pytest

from inlay.data.index import open_split
from inlay.data.loader import InfiniteDistributedSampler, SampleLoader, TrainingLoader
from inlay.data.parts import DrawMask
from inlay.data.pictures import IndexedPictures
from inlay.data.samples import EvaluationSamples, SampleConfig, TrainingSamples
from inlay.data.skipped import SkippedSamples
from inlay.errors import InlayError

WORKERS = pytest.mark.parametrize("workers", [0, 2])
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # two workers on a machine of one core


def head(stream, count, start=0):
    stream.start = start
    return list(islice(stream, count))


class TestAddressStream:
    @pytest.mark.parametrize("length", [1, 2, 7])
    def test_has_every_sample_once_in_a_pass(self, length):
        drawn = head(InfiniteDistributedSampler(length, seed=0), 4 * length)
        assert sorted(drawn) == [(epoch, index) for epoch in range(4) for index in range(length)]
        assert [address.epoch for address in drawn] == [epoch for epoch in range(4) for _ in range(length)]

    def test_has_another_order_in_every_pass_and_depends_on_the_seed_alone(self):
        first, again, other = (head(InfiniteDistributedSampler(20, seed), 100) for seed in (1, 1, 2))
        assert first == again != other
        orders = [[address.index for address in first[start : start + 20]] for start in range(0, 100, 20)]
        assert all(one != another for one, another in pairwise(orders))
        assert orders[0] != sorted(orders[0])

    @pytest.mark.parametrize("world", [2, 3])
    @pytest.mark.parametrize("length", [1, 2, 6, 7, 12, 13])
    def test_gives_all_processes_together_what_it_gives_to_one(self, length, world, on_rank):
        batch, steps = 6, 9
        whole = head(InfiniteDistributedSampler(length, seed=3), batch * steps)
        shares = []
        for rank in range(world):
            on_rank(rank, world)
            shares.append(head(InfiniteDistributedSampler(length, seed=3), batch // world * steps))
        for step in range(steps):
            mine = slice(step * batch // world, (step + 1) * batch // world)
            together = sorted(address for share in shares for address in share[mine])
            assert together == sorted(whole[step * batch : (step + 1) * batch])

    @pytest.mark.parametrize(("rank", "world"), [(0, 1), (0, 2), (1, 2)])
    @pytest.mark.parametrize("start", [0, 1, 5, 7, 9])
    def test_starts_at_any_place_in_every_process(self, rank, world, start, on_rank):
        on_rank(rank, world)
        stream = InfiniteDistributedSampler(7, seed=0)
        assert head(stream, 10, start=world * start) == head(stream, 10 + start)[start:]


def family(height, width, rng, context):
    return context.box() ^ (rng.random((height, width)) < 0.1)


@pytest.fixture
def dataset(save, write_index, tmp_path):
    """Seven pictures with captions and boxes in several formats; one of them is broken."""
    rows = []
    for number in range(7):
        name = f"{number}.{('jpg', 'png', 'webp')[number % 3]}"
        save(f"pictures/{name}", (40 + 13 * number, 50 + 30 * (number % 2)))
        captions = [f"{number} said {turn}" for turn in range(number)]
        rows.append({"id": str(number), "image": name, "split": "train", "captions": captions, "bbox": [9, 9, 30, 30]})
    (tmp_path / "pictures/3.jpg").write_bytes(b"broken")
    return IndexedPictures(tmp_path / "pictures", open_split(write_index(rows), "train"))


@pytest.fixture
def loader(dataset):
    def build(workers=0, seed=0, batch_size=2, on_bad_file="skip", **options):
        recipe = SampleConfig(parts={"mask": DrawMask(family)}, size=16, seed=seed, on_bad_file=on_bad_file)
        samples = TrainingSamples(dataset, recipe, (0.3, 0.8), color_jitter=0.2)
        stream = InfiniteDistributedSampler(len(samples), seed)
        return TrainingLoader(samples, SkippedSamples(), stream, batch_size, num_workers=workers, **options)

    return build


def contents(batch):
    images, masks = ([one.tobytes() for one in batch[key].numpy()] for key in ("image", "mask"))
    return list(zip(images, masks, batch["caption"], batch["id"], strict=True))


def batches(loader, count):
    seen = []
    for batch in islice(loader, count):
        seen.append(contents(batch))
        loader.trained()
    return seen


class TestTrainingLoader:
    @WORKERS
    def test_goes_on_where_the_stored_state_left_off(self, loader, workers):
        uninterrupted = batches(loader(workers), 7)
        killed, *others = loader(workers), loader(workers), loader(2 - workers)
        batches(killed, 3)
        assert killed.state_dict() == {"samples": 6}  # what was trained on, not what workers prepared
        for resumed in others:
            resumed.load_state_dict(killed.state_dict())
            assert batches(resumed, 4) == uninterrupted[3:]

    def test_a_batch_that_was_not_trained_on_is_handed_out_again(self, loader):
        interrupted, resumed = loader(), loader()
        stream = iter(interrupted)
        next(stream)
        interrupted.trained()
        lost = contents(next(stream))
        resumed.load_state_dict(interrupted.state_dict())
        assert batches(resumed, 1) == [lost]
        with pytest.raises(InlayError, match="earlier version"):
            loader().load_state_dict({"handed_out": 3})

    def test_counts_passes_of_all_processes_together(self, loader, on_rank):
        some = loader(batch_size=2)
        for trained, world, passes in ((3, 1, 0), (4, 1, 1), (7, 1, 2), (3, 2, 1), (7, 4, 8)):
            on_rank(0, world)
            some.load_state_dict({"samples": 0})
            for _ in range(trained):
                some.trained()
            assert some.passes == passes

    @WORKERS
    def test_names_a_broken_file(self, loader, workers):
        some = loader(workers, on_bad_file="error", persistent_workers=workers > 0)
        with pytest.raises(InlayError, match=r"pictures/3\.jpg: not a picture"):
            batches(some, 4)
        if workers:
            some._iterator._shutdown_workers()  # left to the garbage collector, that would take 10 seconds

    @WORKERS
    def test_takes_problems_down_as_batches_are_handed_out_and_once(self, loader, workers):
        some = loader(workers, batch_size=7)
        (batch,) = islice(some, 1)
        assert "skipped" not in batch
        (problem,) = some.skipped.drain()
        assert (problem.split, problem.id, problem.what) == ("train", "3", "picture")
        assert problem.file.endswith("pictures/3.jpg")
        assert "not a picture" in problem.reason
        batches(some, 4)
        assert some.skipped.drain() == []


class TestSameSample:
    """Sample ``n`` of the stream is the same picture, crop, hole and caption, whoever makes it."""

    COUNT = 24  # more than three passes over seven pictures

    @pytest.fixture
    def stream(self, loader, on_rank):
        """The first samples of all processes together, in the order of the stream."""

        def drawn(workers, batch_size=4, world=1):
            shares = []
            for rank in range(world):
                on_rank(rank, world)
                here = batches(loader(workers, batch_size=batch_size), self.COUNT // (world * batch_size))
                shares.append([sample for batch in here for sample in batch])
            return [shares[n % world][n // world] for n in range(self.COUNT)]

        return drawn

    @pytest.mark.parametrize(
        ("batch_size", "world", "workers"), [(4, 1, 0), (4, 1, 1), (4, 1, 4), (2, 1, 0), (2, 2, 4), (4, 2, 1)]
    )
    def test_with_any_number_of_workers_and_processes_and_any_batch(self, stream, workers, batch_size, world):
        samples = stream(workers, batch_size, world)
        assert samples == stream(0)
        names = [name for *_, name in samples]
        assert Counter(names)["3"] == 0  # the broken one, replaced alike everywhere
        assert len(set(samples)) >= self.COUNT - 4  # what replaces may be met twice
        assert {caption for *_, caption, name in samples if name == "0"} == {""}
        assert len({caption for *_, caption, name in samples if name == "6"}) > 1


@WORKERS
def test_validation_is_the_same_in_every_pass_with_any_workers_and_batch_and_however_shared_out(dataset, workers):
    recipe = SampleConfig(parts={"mask": DrawMask(family)}, size=16, seed=0, on_bad_file="skip")
    data = EvaluationSamples(dataset, recipe)

    def samples(workers=0, batch_size=3, indices=range(7), passes=1):
        loader = SampleLoader(data, SkippedSamples(), sampler=indices, batch_size=batch_size, num_workers=workers)
        return [[sample for batch in loader for sample in contents(batch)] for _ in range(passes)]

    (expected,) = samples()
    assert samples(workers, batch_size=2, passes=2) == [expected] * 2
    assert [name for *_, name in expected][:3] == ["0", "1", "2"]
    assert len(expected) == 7
    for rank in range(2):
        assert samples(indices=range(rank, 7, 2)) == [expected[rank::2]]
