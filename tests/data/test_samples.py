import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from inlay.data.pictures import find_pictures
from inlay.data.samples import Address, EvaluationSamples, TrainingSamples
from inlay.errors import InlayError
from inlay.masks import Boxes, Strokes

SIZE = 24
LEFT_HALF = np.arange(SIZE) < SIZE // 2


@dataclass
class Held:
    """Pictures in memory."""

    pictures: list

    def __len__(self):
        return len(self.pictures)

    def read(self, index):
        return self.pictures[index]

    def name(self, index):
        return f"picture {index}"


def left_half(height, width, rng):
    return np.broadcast_to(LEFT_HALF, (height, width)).copy()


@pytest.fixture
def pictures(rng):
    return Held([rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)] * 4)


@pytest.fixture
def training(pictures):
    return lambda seed=0: TrainingSamples(pictures, Strokes(ratio=(0.1, 0.4)), SIZE, seed, (0.3, 0.8))


@pytest.fixture
def evaluation(pictures):
    return lambda seed=0: EvaluationSamples(pictures, Boxes(ratio=(0.1, 0.4)), SIZE, seed)


def bits(sample):
    return sample["image"].tobytes(), sample["mask"].tobytes(), sample["id"]


def states():
    return random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state().numpy()  # noqa: NPY002


def disturb(seed):
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


class TestTrainingSamples:
    def test_are_bytes_of_the_asked_for_size(self, training):
        sample = training()[Address(0, 1)]
        assert (sample["image"].shape, sample["image"].dtype) == ((SIZE, SIZE, 3), np.uint8)
        assert (sample["mask"].shape, sample["mask"].dtype) == ((SIZE, SIZE), np.bool_)
        assert sample["id"] == "picture 1"

    def test_are_a_pure_function_of_their_address(self, training):
        samples = training()
        first = bits(samples[Address(2, 3)])
        samples[Address(0, 0)], samples[Address(5, 1)]
        assert bits(samples[Address(2, 3)]) == first == bits(training()[Address(2, 3)])

    @pytest.mark.parametrize(
        ("address", "seed"),
        [(Address(1, 0), 0), (Address(0, 1), 0), (Address(0, 0), 1)],
        ids=["epoch", "index", "seed"],
    )
    def test_differ_with_every_part_of_it(self, training, address, seed):
        image, mask, _ = bits(training()[Address(0, 0)])
        other_image, other_mask, _ = bits(training(seed)[address])
        assert image != other_image
        assert mask != other_mask

    def test_do_not_listen_to_global_generators(self, training):
        samples, address = training(), Address(1, 2)
        disturb(1)
        first = bits(samples[address])
        disturb(2)
        assert bits(samples[address]) == first

    def test_leave_global_generators_alone(self, training):
        samples, before = training(), states()
        samples[Address(1, 2)]
        np.testing.assert_equal(states(), before)

    def test_flip_picture_and_mask_together_in_about_half_of_the_cases(self):
        halves = np.where(LEFT_HALF[:, None], 0, 200).astype(np.uint8)  # (W, 1): black exactly where the hole is
        picture = np.broadcast_to(halves, (SIZE, SIZE, 3)).copy()
        samples = TrainingSamples(Held([picture]), left_half, SIZE, 0, (1.0, 1.0))
        drawn = [samples[Address(epoch, 0)] for epoch in range(40)]
        assert all(np.array_equal(sample["mask"], sample["image"][..., 0] == 0) for sample in drawn)
        assert 10 < sum(bool(sample["mask"][0, 0]) for sample in drawn) < 30

    def test_show_parts_of_the_picture_at_several_scales(self):
        slope = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None], (200, 200, 3)).copy()
        samples = TrainingSamples(Held([slope]), left_half, SIZE, 0, (0.1, 0.9))
        spans = [int(np.ptp(samples[Address(epoch, 0)]["image"])) for epoch in range(30)]
        assert min(spans) < 0.6 * 200
        assert max(spans) > 0.8 * 200

    def test_keep_their_colors_unless_jitter_is_asked_for(self):
        orange = Held([np.full((40, 40, 3), (200, 120, 40), np.uint8)])
        for jitter, shades in ((0.0, 1), (0.4, 10)):
            samples = TrainingSamples(orange, left_half, SIZE, 0, (0.5, 1.0), jitter)
            assert len({tuple(samples[Address(epoch, 0)]["image"][0, 0]) for epoch in range(10)}) == shades

    @pytest.mark.parametrize("jitter", [0.3, 1.0])
    def test_take_their_jitter_from_the_address_too(self, pictures, jitter):
        samples = [TrainingSamples(pictures, left_half, SIZE, 0, (0.5, 1.0), jitter) for _ in range(2)]
        disturb(1)
        samples[1][Address(0, 0)]
        assert bits(samples[0][Address(3, 1)]) == bits(samples[1][Address(3, 1)])

    def test_are_as_many_as_the_pictures(self, training):
        assert len(training()) == 4

    @pytest.mark.parametrize("shape", [(8, 8, 3), (5, 100, 3), (100, 5, 3)])
    def test_are_made_of_pictures_smaller_than_they_are(self, shape, rng):
        tiny = Held([rng.integers(0, 256, shape).astype(np.uint8)])
        sample = TrainingSamples(tiny, left_half, SIZE, 0, (0.5, 1.0))[Address(0, 0)]
        assert sample["image"].shape == (SIZE, SIZE, 3)


class TestEvaluationSamples:
    def test_are_a_pure_function_of_their_index(self, evaluation):
        samples = evaluation()
        first = bits(samples[3])
        samples[0], samples[1]
        assert bits(samples[3]) == first == bits(evaluation()[3])

    @pytest.mark.parametrize(("index", "seed"), [(1, 0), (0, 1)], ids=["index", "seed"])
    def test_differ_in_the_mask_with_every_part_of_it(self, evaluation, index, seed):
        assert not np.array_equal(evaluation()[0]["mask"], evaluation(seed)[index]["mask"])

    def test_do_not_listen_to_global_generators(self, evaluation):
        samples = evaluation()
        disturb(1)
        first = bits(samples[2])
        disturb(2)
        assert bits(samples[2]) == first

    def test_share_no_mask_with_training(self, pictures):
        arguments = pictures, Strokes(ratio=(0.1, 0.4)), SIZE, 0
        training, evaluation = TrainingSamples(*arguments, (1.0, 1.0)), EvaluationSamples(*arguments)
        assert not np.array_equal(training[Address(0, 0)]["mask"], evaluation[0]["mask"])

    def test_show_the_middle_of_the_picture(self, rng):
        picture = rng.integers(0, 256, (SIZE, 40, 3)).astype(np.uint8)
        sample = EvaluationSamples(Held([picture]), left_half, SIZE, 0)[0]
        assert np.array_equal(sample["image"], picture[:, 8:32])

    def test_are_never_flipped(self, evaluation, pictures):
        samples = EvaluationSamples(pictures, left_half, SIZE, 0)
        assert all(np.array_equal(samples[index]["mask"], left_half(SIZE, SIZE, None)) for index in range(4))

    @pytest.mark.parametrize("shape", [(8, 8, 3), (5, 100, 3), (300, 41, 3)])
    def test_have_the_asked_for_size_whatever_the_picture_has(self, shape, rng):
        picture = Held([rng.integers(0, 256, shape).astype(np.uint8)])
        assert EvaluationSamples(picture, left_half, SIZE, 0)[0]["image"].shape == (SIZE, SIZE, 3)


class TestBrokenFiles:
    @pytest.mark.parametrize(
        "damage", [lambda path: path.write_bytes(path.read_bytes()[:99]), lambda path: path.unlink()]
    )
    def test_are_named(self, picture_folder, damage):
        files = find_pictures(picture_folder, "train", 0.1)
        path = picture_folder / files.name(0)
        damage(path)
        with pytest.raises(InlayError, match=str(path)):
            TrainingSamples(files, left_half, SIZE, 0, (0.5, 1.0))[Address(0, 0)]
        with pytest.raises(InlayError, match=str(path)):
            EvaluationSamples(files, left_half, SIZE, 0)[0]
