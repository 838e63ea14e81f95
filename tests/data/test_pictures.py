"""Pictures of an index, read when asked for, with what their dataset knows of them."""

import numpy as np
import pytest
from PIL import Image

from inlay.data.index import open_split
from inlay.data.pictures import MIN_SIDE, IndexedPictures, decode_picture, read_object
from inlay.errors import BadFile
from inlay.images import read_image

BARE = {"id": "bare", "image": "pictures/bare.png", "split": "train"}
FULL = {"id": "full", "image": "pictures/full.jpg", "split": "train", "captions": ["One.", "Two."]}
FULL |= {"bbox": [10.0, 20.0, 40.0, 50.0], "mask": "masks/full.png", "mask_is": "trimap", "size": [100, 80]}


@pytest.fixture
def pictures(save, write_index, tmp_path):
    save("pictures/bare.png", (40, 50))
    save("pictures/full.jpg", (80, 100), quality=95)

    def build(*rows):
        return IndexedPictures(tmp_path, open_split(write_index(rows or [BARE, FULL]), "train"))

    return build


class TestIndexedPictures:
    def test_are_those_of_the_index_and_know_what_it_knows_and_broken_ones_are_named(self, pictures, tmp_path):
        indexed = pictures()
        assert [indexed.id(index) for index in range(len(indexed))] == ["bare", "full"]
        for index, name in enumerate(("bare.png", "full.jpg")):
            assert np.array_equal(indexed.read(index).pixels, read_image(tmp_path / "pictures" / name))
        picture = indexed.read(1)
        assert (picture.id, picture.captions, picture.mask_is) == ("full", ("One.", "Two."), "trimap")
        assert (picture.size, picture.object_file) == ((80, 100), tmp_path / "masks/full.png")
        picture = indexed.read(0)  # of which the index says nothing
        assert (picture.captions, picture.bbox, picture.object_file) == ((), None, None)
        assert [indexed.captioned, pictures(BARE).captioned] == [True, False]
        (tmp_path / "pictures/bare.png").unlink()
        with pytest.raises(BadFile, match="no such file") as caught:
            indexed.read(0)
        assert caught.value.path == str(tmp_path / "pictures/bare.png")

    @pytest.mark.parametrize("size", [FULL["size"], None])  # which is looked up where the index has none
    def test_have_boxes_in_shares(self, pictures, size):
        for bbox, share in (
            (FULL["bbox"], (0.1, 0.25, 0.4, 0.625)),
            ([-5, -1, 50, 99], (0.0, 0.0, 0.5, 1.0)),  # which ends at the edges, as the next
            ([120, 10, 150, 40], (1.0, 0.125, 1.0, 0.5)),
        ):
            assert pictures(FULL | {"bbox": bbox, "size": size}).read(0).bbox == share

    def test_are_read_no_larger_than_needed_and_know_how_they_were_turned(self, pictures, save):
        save("pictures/full.jpg", (240, 320))
        read = pictures().read(1, min_short_side=50)
        assert (read.size, read.bbox, pictures().read(1).size) == ((60, 80), (0.1, 0.25, 0.4, 0.625), (240, 320))
        (tags := Image.Exif())[0x0112] = 6
        save("pictures/full.jpg", (240, 320), exif=tags)
        read = pictures().read(1, min_short_side=50)
        assert (read.turned, read.full_size, read.size) == (6, (320, 240), (80, 60))


@pytest.mark.parametrize(("size", "shown"), [((15, 99), "99x15"), ((99, 15), "15x99"), ((1, 1), "1x1")])
def test_photographs_of_a_few_pixels_are_bad(save, size, shown):
    with pytest.raises(BadFile, match=rf"^\S+a\.png: {shown} pixels are too few .* at least 16x16 are needed"):
        decode_picture(save("a.png", size))


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_the_smallest_photographs_are_read(save, kind):
    for asked in (None, MIN_SIDE, 64):
        assert decode_picture(save(f"a.{kind}", (16, 17)), asked).pixels.shape == (16, 17, 3)
        assert min(decode_picture(save(f"b.{kind}", (300, 200)), asked).pixels.shape[:2]) >= MIN_SIDE


MARKED = {"white": "000011", "black": "111100", "nonzero": "011111", "trimap": "010000"}


@pytest.mark.parametrize("mask_is", MARKED)
def test_objects_are_marked_in_four_ways_and_named_where_broken(tmp_path, mask_is):
    path = tmp_path / "object.png"
    Image.fromarray(np.array([[0, 1, 2, 3, 128, 255]], np.uint8)).save(path)
    assert read_object(path, mask_is).tolist() == [[digit == "1" for digit in MARKED[mask_is]]]
    path.write_text("nothing")
    with pytest.raises(BadFile, match=r"object\.png: not a picture"):
        read_object(path, mask_is)
    Image.fromarray(np.array([[[0, 0, 0], [0, 0, 9], [7, 0, 0]]], np.uint8)).save(path)  # in color
    assert read_object(path, "nonzero").tolist() == [[False, True, True]]


def test_trimaps_of_oxford_pets(shared_data):
    """Their objects are pets, and neither the whole picture nor a speck."""
    trimaps = sorted((shared_data / "pets/annotations/trimaps").glob("[!.]*.png"))[:10]
    assert all(0.03 < read_object(path, "trimap").mean() < 0.9 for path in trimaps)
