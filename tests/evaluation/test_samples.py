"""A protocol's pictures and holes: the same ones, whoever asks for them and in whatever order."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from inlay.data.pictures import SourceImage
from inlay.errors import BadFile, NoHole
from inlay.evaluation.protocol import EvalProtocol, EvalSample, ProtocolPictures
from inlay.evaluation.store import Shard
from inlay.masks import Boxes, Center, Objects, Strokes

SIZE = 32
HOLES = {"strokes": Strokes(ratio=(0.1, 0.3)), "boxes": Boxes(ratio=(0.1, 0.3)), "center": Center(side=0.5)}


class Memory:
    """Seven pictures of noise, made when they are asked for."""

    def __init__(self, height=40, width=60, broken=(), **known):
        self.shape, self.broken, self.known = (height, width, 3), broken, known

    def __len__(self):
        return 7

    def id(self, index):
        return f"{index}.png"

    def read(self, index, min_short_side=None):
        if index in self.broken:
            raise BadFile(self.id(index), "cut off.")
        pixels = np.random.default_rng(index).integers(0, 256, self.shape).astype(np.uint8)
        return SourceImage(pixels, self.id(index), **self.known)


class Picky:
    """A family that finds a hole in every other picture only."""

    def __call__(self, height, width, rng, context=None):
        if int(context.id[0]) % 2:
            raise NoHole("nothing to be seen")
        return np.ones((height, width), np.bool_)


def protocol(**settings):
    known = {"name": "test", "about": "", "version": 1, "pictures": None, "size": SIZE, "cut": "center"}
    known |= {"around_object": None, "holes": HOLES, "captions": True, "samples": 1, "seed": 0, "truth": True}
    return EvalProtocol(**known | {"recipe": {}} | settings)


def of(pictures=None, numbers=range(7), on_bad_file="error", **settings):
    return ProtocolPictures(protocol(**settings), pictures or Memory(), numbers, on_bad_file)


def same(a: EvalSample, b: EvalSample):
    assert (a.picture, a.id, a.caption, a.left_out) == (b.picture, b.id, b.caption, b.left_out)
    assert np.array_equal(a.image, b.image)
    assert list(a.masks) == list(b.masks)
    assert all(np.array_equal(a.masks[name], b.masks[name]) for name in a.masks)


def test_a_case_is_what_types_say():
    cases = of(Memory(SIZE, 60, captions=("a red bird", "another")))[2]
    assert (cases.picture, cases.id, cases.caption, cases.left_out) == (2, "2.png", "a red bird", {})
    assert np.array_equal(cases.image, Memory(SIZE, 60).read(2).pixels[:, 14:46])  # the largest square in the middle
    assert list(cases.masks) == list(HOLES)
    assert all((mask.shape, mask.dtype) == ((SIZE, SIZE), np.bool_) for mask in cases.masks.values())
    assert cases.masks["center"].mean() == 0.25


def test_pictures_and_holes_differ_and_the_seed_draws_other_holes_alone():
    first, second, other = of()[0], of()[1], of(seed=1)[0]
    assert len({cases.image.tobytes() for cases in (first, second, other)}) == 2
    assert np.array_equal(first.image, other.image)
    drawn = (first.masks["strokes"], second.masks["strokes"], other.masks["strokes"], first.masks["boxes"])
    assert len({mask.tobytes() for mask in drawn}) == 4


def test_order_shards_workers_and_a_hole_less_behind_change_nothing():
    whole, backward = of(), of(numbers=range(6, -1, -1))
    for number in range(7):
        same(whole[number], backward[6 - number])
    for number in (1, 2, 3):
        shard = of(numbers=Shard(number, 3).of(7))
        for place in range(len(shard)):
            same(shard[place], whole[number - 1 + 3 * place])
    for number, cases in enumerate(DataLoader(backward, batch_size=None, num_workers=2)):
        same(cases, whole[6 - number])
    for name in ("center", "boxes"):
        fewer = of(holes={other: HOLES[other] for other in list(HOLES)[: list(HOLES).index(name)]})
        for number in range(7):
            for other, mask in fewer[number].masks.items():
                assert np.array_equal(mask, whole[number].masks[other])


def test_numbers_are_places_among_the_chosen():
    whole = of(numbers=[1])[0]
    chosen = ProtocolPictures(protocol(pictures=3), Memory(), [1], "error")[0]
    assert (chosen.picture, chosen.id) == (1, f"{protocol(pictures=3).chosen(Memory())[1]}.png")
    same(replace(chosen, id="1.png", image=None), replace(whole, image=None))  # holes go by place


def test_squash_shows_the_whole_picture():
    pictures = Memory(2 * SIZE, SIZE)
    whole = pictures.read(0).pixels
    wide = cv2.resize(whole, (2 * SIZE, 2 * SIZE), interpolation=cv2.INTER_LINEAR).astype(np.float64)
    expected = wide.reshape(SIZE, 2, SIZE, 2, 3).mean((1, 3))  # the average over areas
    assert np.abs(of(pictures, cut="squash")[0].image - expected).max() <= 0.5


@pytest.mark.parametrize("cut", ["center", "squash"])
def test_the_object_is_cut_as_the_picture(cut):
    half = (0.0, 0.0, 0.5, 1.0)  # the left half of a picture that is twice as wide as it is high
    mask = of(Memory(SIZE, 2 * SIZE, bbox=half), cut=cut, holes={"object": Objects()})[0].masks["object"]
    expected = np.zeros((SIZE, SIZE), np.bool_)
    expected[:, : SIZE // 2] = True  # the middle of the square is that of the picture either way
    assert np.array_equal(mask, expected)


def test_around_the_object():
    box = (0.5, 0.25, 1.0, 0.75)  # 32 x 32 pixels of 64 x 64
    pictures = Memory(2 * SIZE, 2 * SIZE, bbox=box)
    cases = of(pictures, around_object=1.0, holes={"object": Objects(valid=(0, 1), dilation=0)})[0]
    assert np.array_equal(cases.image, pictures.read(0).pixels[16:48, 32:64])
    same(of(around_object=1.5)[0], of()[0])  # without a box the whole picture is shown
    assert cases.left_out == {"object": "its object covers 100.0% of the sample, which is not between 0% and 100%"}


def test_a_picture_without_a_hole_is_listed():
    first, second = map(of(holes={"picky": Picky(), "center": Center(side=0.5)}).__getitem__, (0, 1))
    assert (list(first.masks), list(second.masks)) == (["picky", "center"], ["center"])
    assert second.left_out == {"picky": "nothing to be seen"}
    assert second.image is not None


def test_a_broken_file_stops_or_is_left_out():
    dataset = of(Memory(broken=[3]))
    assert dataset[2].id == "2.png"
    with pytest.raises(BadFile, match=r"3\.png: cut off"):
        dataset[3]
    cases = of(Memory(broken=[3]), on_bad_file="skip")[3]
    assert cases == EvalSample(3, "3.png", None, "", {}, dict.fromkeys(HOLES, "cut off."))


def test_the_digest_is_of_picture_and_mask():
    cases = of()[0]
    one_pixel, one_place = cases.image.copy(), cases.masks["center"].copy()
    one_pixel[0, 0, 0] ^= 1
    one_place[0, 0] ^= True
    known = of()[0].digest("center")
    assert re.fullmatch("[0-9a-f]{16}", known)
    assert known == cases.digest("center")
    assert known != cases.digest("strokes")
    for change in ({"image": one_pixel}, {"masks": {"center": one_place}}, {"caption": "x"}):
        assert known != replace(cases, **change).digest("center")
    assert known == replace(cases, masks={"other": cases.masks["center"]}, id="y").digest("other")
