"""Samples by address: the same whoever asks and whenever, in line with their masks, and never silently missing."""

import random
from collections import Counter
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import torch

from inlay.data.crops import WHOLE, random_crop
from inlay.data.index import open_split
from inlay.data.loader import Collate
from inlay.data.parts import DrawMask
from inlay.data.pictures import IndexedPictures, SourceImage
from inlay.data.samples import EvaluationSamples, SampleConfig, SampleIndex, TrainingSamples
from inlay.data.skipped import SkippedSample, SkippedSamples
from inlay.errors import BadFile, InlayError, NoHole
from tests.masks.contexts import rectangle
from tests.pictures import write_mask

SIZE = 24
LEFT_HALF = np.arange(SIZE) < SIZE // 2


@dataclass
class Held:
    """Pictures in memory; where there is an error instead, reading raises it."""

    pictures: list
    captioned: bool = False
    labeled: bool = False

    def __len__(self):
        return len(self.pictures)

    def id(self, index):
        return f"picture {index}"

    def read(self, index, min_short_side=None):
        held = self.pictures[index]
        if isinstance(held, Exception):
            raise held
        return held if isinstance(held, SourceImage) else SourceImage(held, self.id(index))


def left_half(height, width, rng, context=None):
    return np.broadcast_to(LEFT_HALF, (height, width)).copy()


def noise(height, width, rng, context=None):
    return rng.random((height, width)) < 0.3


def recipe(masks=noise, seed=0, **options):
    return SampleConfig(parts={"mask": DrawMask(masks)}, size=SIZE, seed=seed, **options)


def training_of(pictures, masks=noise, crop_scale=(0.3, 0.8), captioned=False, jitter=0.0, flip=0.5, **options):
    return TrainingSamples(Held(pictures, captioned), recipe(masks, **options), crop_scale, jitter, flip)


def evaluation_of(pictures, masks=noise, captioned=False, **options):
    return EvaluationSamples(Held(pictures, captioned), recipe(masks, **options))


@pytest.fixture
def pictures(rng):
    return [rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)] * 4


def bits(sample):
    return sample["image"].tobytes(), sample["mask"].tobytes(), sample["id"]


def states():
    return random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state().numpy()  # noqa: NPY002


def disturb(seed):
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


class TestTrainingSamples:
    def test_are_bytes_of_the_asked_for_size_also_of_smaller_pictures(self, pictures):
        samples = training_of(pictures)
        sample = samples[SampleIndex(0, 1)]
        assert len(samples) == 4
        assert (sample["image"].shape, sample["image"].dtype) == ((SIZE, SIZE, 3), np.uint8)
        assert (sample["mask"].shape, sample["mask"].dtype) == ((SIZE, SIZE), np.bool_)
        assert (sample["id"], sample["skipped"]) == ("picture 1", [])
        for shape in ((8, 8, 3), (5, 100, 3), (100, 5, 3)):
            tiny = [np.zeros(shape, np.uint8)]
            for sample in (training_of(tiny)[SampleIndex(0, 0)], evaluation_of(tiny)[0]):
                assert sample["image"].shape == (SIZE, SIZE, 3)

    def test_are_a_pure_function_of_their_address_whatever_global_generators_say(self, pictures):
        samples, address = training_of(pictures, jitter=0.3), SampleIndex(2, 3)
        disturb(1)
        first = bits(samples[address])
        samples[SampleIndex(0, 0)], samples[SampleIndex(5, 1)], disturb(2)
        before = states()
        assert bits(samples[address]) == first == bits(training_of(pictures, jitter=0.3)[address])
        np.testing.assert_equal(states(), before)
        others = ((1, 3, 0), (2, 2, 0), (2, 3, 1))  # which differ from it in one part of the address each
        drawn = [bits(training_of(pictures, seed=seed, jitter=0.3)[SampleIndex(*at)]) for *at, seed in others]
        assert [len(set(part)) for part in zip(first[:2], *(one[:2] for one in drawn), strict=True)] == [4, 4]

    def test_flip_picture_and_mask_together_in_about_half_of_the_cases(self):
        halves = np.where(LEFT_HALF[:, None], 0, 200).astype(np.uint8)  # (W, 1): black exactly where the hole is
        picture = np.broadcast_to(halves, (SIZE, SIZE, 3)).copy()
        samples = training_of([picture], left_half, (1.0, 1.0))
        drawn = [samples[SampleIndex(epoch, 0)] for epoch in range(40)]
        assert all(np.array_equal(sample["mask"], sample["image"][..., 0] == 0) for sample in drawn)
        assert 10 < sum(bool(sample["mask"][0, 0]) for sample in drawn) < 30

    def test_show_the_same_crop_flipped_or_not_and_whatever_the_family_draws(self, pictures):
        never, always = training_of(pictures, flip=0.0), training_of(pictures, flip=1.0)
        for epoch in range(5):
            one, other = never[SampleIndex(epoch, 1)], always[SampleIndex(epoch, 1)]
            assert np.array_equal(one["image"], other["image"][:, ::-1])
            assert np.array_equal(one["mask"], other["mask"][:, ::-1])
        sparing, greedy = training_of(pictures, masks=left_half), training_of(pictures, masks=noise)
        assert np.array_equal(sparing[SampleIndex(3, 2)]["image"], greedy[SampleIndex(3, 2)]["image"])

    def test_show_parts_of_the_picture_at_several_scales_in_its_colors_unless_jitter_is_asked_for(self):
        slope = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None], (200, 200, 3)).copy()
        samples = training_of([slope], left_half, (0.1, 0.9))
        spans = [int(np.ptp(samples[SampleIndex(epoch, 0)]["image"])) for epoch in range(30)]
        assert min(spans) < 0.6 * 200 < 0.8 * 200 < max(spans)
        plain = [np.full((40, 40, 3), (200, 120, 40), np.uint8)]
        for jitter, shades in ((0.0, 1), (0.4, 10)):
            samples = training_of(plain, jitter=jitter)
            assert len({tuple(samples[SampleIndex(epoch, 0)]["image"][0, 0]) for epoch in range(10)}) == shades


def test_evaluation_samples_are_a_pure_function_of_their_index_in_the_middle_of_the_picture(pictures, rng):
    samples = evaluation_of(pictures)
    first = bits(samples[3])
    samples[0], samples[1], disturb(1)
    assert bits(samples[3]) == first == bits(evaluation_of(pictures)[3])
    masks = [evaluation_of(pictures, seed=seed)[index]["mask"] for index, seed in ((0, 0), (1, 0), (0, 1))]
    masks.append(training_of(pictures, crop_scale=(1.0, 1.0))[SampleIndex(0, 0)]["mask"])
    assert len({mask.tobytes() for mask in masks}) == 4  # differ with every part of it, and from training
    picture = rng.integers(0, 256, (SIZE, 40, 3)).astype(np.uint8)
    assert np.array_equal(evaluation_of([picture])[0]["image"], picture[:, 8:32])
    samples = evaluation_of(pictures, masks=left_half)  # which are never flipped
    assert all(np.array_equal(samples[index]["mask"], left_half(SIZE, SIZE, None)) for index in range(4))


def test_captions_are_any_in_training_the_first_in_validation_and_change_nothing_else(pictures):
    pixels = pictures[0]
    held = [SourceImage(pixels, "many", ("one", "two", "three")), SourceImage(pixels, "none", ())]
    samples, validation = training_of(held, captioned=True), evaluation_of(held, captioned=True)
    drawn = [samples[SampleIndex(epoch, 0)]["caption"] for epoch in range(150)]
    assert set(drawn) == {"one", "two", "three"}
    assert min(Counter(drawn).values()) > 30
    assert [samples[SampleIndex(epoch, 0)]["caption"] for epoch in range(9)] == drawn[:9]
    said = [sample["caption"] for sample in (validation[0], validation[1], samples[SampleIndex(0, 1)])]
    assert said == ["one", "", ""]  # which is empty for a picture without
    plain = training_of(held)
    assert bits(plain[SampleIndex(4, 0)]) == bits(samples[SampleIndex(4, 0)])
    assert "caption" not in plain[SampleIndex(0, 0)].keys() | evaluation_of(held)[0].keys()


class TestScenes:
    """A picture whose object is red: after every crop and flip the hole is what is red."""

    RED, BLUE = (250, 10, 10), (10, 10, 250)

    @pytest.mark.parametrize("seen", ["object", "box", "place"])
    @pytest.mark.parametrize("crop_scale", [(0.05, 0.2), (0.3, 1.0)])
    @pytest.mark.parametrize("around", [None, 1.5])
    def test_line_up_in_training_and_validation(self, tmp_path, seen, crop_scale, around):
        inside = rectangle((90, 120), 24, 72, 36, 96)
        fine = inside.repeat(2, axis=0).repeat(2, axis=1)  # the object's file has another resolution
        write_mask(tmp_path / "object.png", fine)
        pixels = np.where(inside[..., None], np.uint8(self.RED), np.uint8(self.BLUE))
        box = 36 / 120, 24 / 90, 96 / 120, 72 / 90
        picture = SourceImage(pixels, "red", (), box, tmp_path / "object.png", "white")

        def family(height, width, rng, context):
            return getattr(context, seen)(*([fine] if seen == "place" else []))

        samples = training_of([picture], family, crop_scale, object_crop_scale=around)
        drawn = [samples[SampleIndex(epoch, 0)] for epoch in range(30)]
        validation = evaluation_of([picture], family, object_crop_scale=around)[0]
        for sample in (*drawn, validation):
            hole, image = sample["mask"], sample["image"]
            red, blue = (image == self.RED).all(axis=2), (image == self.BLUE).all(axis=2)
            assert hole[red].all()
            assert not hole[blue].any()
            assert (~red & ~blue).sum() <= 8 * SIZE  # only edges are mixed
        assert len({sample["mask"].tobytes() for sample in drawn}) > 15
        assert sum(0.1 < sample["mask"].mean() < 0.9 for sample in drawn) > 10
        assert 0.2 < validation["mask"].mean() < 0.8

    def test_line_up_where_a_jpeg_is_decoded_at_a_fraction(self, save, write_index, tmp_path):
        inside = rectangle((480, 640), 100, 300, 200, 500)
        save("a.jpg", np.where(inside[..., None], np.uint8(self.RED), np.uint8(self.BLUE)), quality=95, subsampling=0)
        write_mask(tmp_path / "o.png", inside)
        row = {"id": "a", "image": "a.jpg", "split": "train", "bbox": [200, 100, 500, 300], "mask": "o.png"}
        pictures = IndexedPictures(tmp_path, open_split(write_index([row | {"mask_is": "white"}]), "train"))
        for part in (lambda *sample: sample[3].object(), lambda *sample: sample[3].box()):
            samples = TrainingSamples(pictures, recipe(part), (0.4, 1.0))
            assert samples.read(0)[0].size == (60, 80)
            for epoch in range(20):
                sample = samples[SampleIndex(epoch, 0)]
                red = sample["image"][..., 0] > 128
                assert (red != sample["mask"]).mean() < 0.06
                assert 0.1 < red.mean() < 0.9


def test_samples_come_from_around_the_box():
    y, x = np.mgrid[0:100, 0:200]
    pixels = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)  # red says where across, green how far down
    picture, plain = SourceImage(pixels, "a", (), (0.5, 0.4, 0.6, 0.6)), SourceImage(pixels, "a")
    samples = training_of([picture], crop_scale=(0.2, 1.0), object_crop_scale=1.5)
    images = np.stack([samples[SampleIndex(epoch, 0)]["image"] for epoch in range(50)])
    assert 94 <= images[..., 0].min() <= images[..., 0].max() <= 125  # 110 -+ 15
    assert 34 <= images[..., 1].min() <= images[..., 1].max() <= 65  # 50 -+ 15
    validation = evaluation_of([picture], object_crop_scale=1.5)
    image = validation[0]["image"]  # all of it
    assert (image[..., 0].min(), image[..., 0].max()) == pytest.approx((95, 124), abs=1)
    assert samples.min_short_side is validation.min_short_side is None  # the window may be small: decoded whole
    one, other = training_of([plain], object_crop_scale=1.5), training_of([plain])  # without a box it is cut as ever
    assert bits(one[SampleIndex(0, 0)]) == bits(other[SampleIndex(0, 0)])


def test_no_more_pixels_are_asked_for_than_a_crop_may_need(pictures, rng):
    assert evaluation_of(pictures).min_short_side == SIZE
    for scale, min_short_side in ((1.0, SIZE), (0.25, 2 * SIZE), (0.5, 34)):
        assert training_of(pictures, crop_scale=(scale, 1.0)).min_short_side == min_short_side
    for size, scale in product([(100, 100), (70, 300), (300, 70)], [0.1, 0.37, 0.9]):
        samples = training_of([np.zeros((*size, 3), np.uint8)], crop_scale=(scale, 1.0))
        reduced = tuple(round(side * samples.min_short_side / min(size)) for side in size)
        assert all(random_crop(reduced, WHOLE, (scale, 1.0), rng).side >= SIZE for _ in range(200))


def broken(path="x.jpg"):
    return BadFile(path, "damaged")


def raising(error):
    """A family that raises for picture 0."""

    def family(height, width, rng, context):
        if context.id == "picture 0":
            raise error
        return left_half(height, width, rng)

    return family


class TestBadFiles:
    """On ``error`` they stop the run; on ``skip`` another picture takes their place, and they are listed."""

    BOTH = ((training_of, SampleIndex(0, 0), "train"), (evaluation_of, 0, "val"))

    def test_stop_the_run_or_are_replaced_and_listed(self, pictures):
        held = [broken(), *pictures]
        for build, address, split in self.BOTH:
            with pytest.raises(BadFile, match=r"^x\.jpg: damaged .*data\.on_bad_file=skip\.$"):
                build(held)[address]
            sample = build(held, on_bad_file="skip")[address]
            assert sample["id"] in {f"picture {number}" for number in range(1, 5)}
            assert set(sample["skipped"]) == {SkippedSample(split, "picture 0", "picture", "x.jpg", "damaged")}
            with pytest.raises(InlayError, match=r"^100 pictures in a row .*; the last one is picture \d: damaged"):
                build([broken("0.jpg"), broken("1.jpg")], on_bad_file="skip")[address]

    def test_are_replaced_by_what_the_address_determines(self, pictures):
        held = [broken(), *pictures, *pictures]

        def replaced(seed=0):
            samples = training_of(held, on_bad_file="skip", seed=seed)
            return [bits(samples[SampleIndex(epoch, 0)]) for epoch in range(12)]

        assert replaced() == replaced()
        assert [one[2] for one in replaced()] != [one[2] for one in replaced(1)]
        assert len({one[2] for one in replaced()}) > 3  # not one picture for all of them

    def test_are_all_listed_where_several_stand_in_a_row_and_leave_other_samples_as_they_are(self, pictures):
        names = ["0.jpg", "1.jpg", "2.jpg"]
        samples = training_of([*map(broken, names), pictures[0]], on_bad_file="skip")
        problems = [samples[SampleIndex(epoch, 0)]["skipped"] for epoch in range(30)]
        assert problems[0][0].file == "0.jpg"
        assert {problem.file for met in problems for problem in met} == set(names)
        whole, torn = (training_of([*pictures, last], on_bad_file="skip") for last in (pictures[0], broken()))
        for index in range(4):
            assert bits(whole[SampleIndex(1, index)]) == bits(torn[SampleIndex(1, index)])

    @pytest.mark.parametrize("choice", ["error", "skip"])
    def test_may_be_masks_and_pictures_without_a_hole_are_replaced_in_any_case(self, pictures, choice):
        damaged, no_hole = raising(BadFile("mask.png", "damaged")), raising(NoHole("too small."))
        mistaken, problems = raising(InlayError("masks.ratio is wrong.")), [(no_hole, "hole", "", "too small.")]
        if choice == "error":
            with pytest.raises(BadFile, match=r"mask\.png: damaged"):
                training_of(pictures, damaged)[SampleIndex(0, 0)]
        else:
            problems.append((damaged, "mask", "mask.png", "damaged"))
        for family, *problem in problems:
            for build, address, split in self.BOTH:
                sample = build(pictures, family, on_bad_file=choice)[address]
                assert sample["id"] != "picture 0"
                assert set(sample["skipped"]) == {SkippedSample(split, "picture 0", *problem)}
        with pytest.raises(InlayError, match=r"100 pictures in a row .* picture 0: too small\."):
            training_of(pictures[:1], no_hole, on_bad_file=choice)[SampleIndex(0, 0)]
        with pytest.raises(InlayError, match=r"^masks\.ratio is wrong\.$"):
            training_of(pictures, mistaken, on_bad_file=choice)[SampleIndex(0, 0)]


def test_collating_keeps_captions_and_all_problems(pictures):
    held = [SourceImage(pictures[0], "a", ("one",)), broken(), SourceImage(pictures[0], "c", ())]
    samples = evaluation_of(held, captioned=True, on_bad_file="skip")
    batch = Collate({})([samples[index] for index in range(3)])
    assert batch["image"].shape == (3, SIZE, SIZE, 3)
    assert batch["caption"][::2] == ["one", ""]
    assert batch["id"][::2] == ["a", "c"]
    assert {problem.id for problem in batch["skipped"]} == {"picture 1"}


def test_samples_are_handed_out_once_and_not_noted_again():
    skipped, damaged = SkippedSamples(), SkippedSample("train", "a", "picture", "a.jpg", "damaged")
    others = [damaged._replace(file="a.png"), damaged._replace(split="val"), damaged._replace(what="mask")]
    skipped.add([damaged, *others])
    skipped.add([damaged])
    assert skipped.drain() == [damaged, *others]
    skipped.add([damaged, damaged._replace(reason="damaged otherwise")])
    assert skipped.drain() == []
