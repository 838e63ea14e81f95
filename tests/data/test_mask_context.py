"""What mask families are told of the picture, and a hole for each picture of a dataset by its name."""

import numpy as np
import pytest
from PIL import Image

from inlay.data.crops import CropBox, center_crop
from inlay.data.index import open_split
from inlay.data.mask_context import CroppedContext, FullContext, draw_holes
from inlay.data.pictures import IndexedPictures, SourceImage
from inlay.errors import BadFile, InlayError
from tests.masks.contexts import rectangle
from tests.pictures import write_mask

BBOX = (0.2, 0.5, 0.8, 1.0)
INSIDE = np.zeros((40, 60), np.bool_)
INSIDE[20:40, 12:48] = True


@pytest.fixture
def picture(tmp_path):
    def build(**known):
        path = tmp_path / "object.png"
        Image.fromarray(INSIDE.astype(np.uint8)).save(path)
        known = {"bbox": BBOX, "object_file": path, "mask_is": "trimap"} | known
        return SourceImage(np.zeros((40, 60, 3), np.uint8), "x/1", **known)

    return build


def cropped(picture, side=40):
    return CroppedContext(picture, CropBox(10, 0, 40, 40, 60), side)


def test_object_and_box_are_seen_through_the_frame_also_of_a_reduced_picture(picture):
    whole, context = FullContext(picture()), cropped(picture())
    assert all(np.array_equal(seen, INSIDE) for seen in (whole.object(), whole.box()))
    assert all(np.array_equal(seen, INSIDE[:, 10:50]) for seen in (context.object(), context.box()))
    fine, coarse = INSIDE.repeat(2, axis=0).repeat(2, axis=1), INSIDE[2::4, 2::4]
    assert np.array_equal(whole.place(fine), INSIDE)
    assert all(np.array_equal(context.place(mask), INSIDE[:, 10:50]) for mask in (fine, coarse))
    for box, pixels in (((0.0, 0.0, 1.0, 1.0), 2400), ((0.5, 0.5, 0.5, 0.7), 0), ((1.0, 0.1, 1.0, 0.5), 0)):
        assert FullContext(picture(bbox=box)).box().sum() == pixels
    half = SourceImage(np.zeros((20, 30, 3), np.uint8), "x/1", (), BBOX, picture().object_file, "trimap")
    context, small = cropped(picture(), side=20), CroppedContext(half, center_crop((20, 30), (0, 0, 1, 1)), 20)
    assert np.array_equal(context.box(), small.box())
    assert np.array_equal(context.object(), small.object())


def test_nothing_is_none_and_a_broken_object_is_named(picture, tmp_path):
    context = cropped(picture(bbox=None, object_file=None))
    assert context.object() is context.box() is None
    context = cropped(picture())
    (tmp_path / "object.png").write_bytes(b"")
    with pytest.raises(BadFile, match=r"object\.png: not a picture \(the file is empty\)"):
        context.object()


@pytest.mark.stranger("17.A.8")
def test_masks_of_the_picture_before_it_was_turned_are_turned_and_that_is_said(picture, caplog):
    turned = picture(turned=6, full_size=(80, 120))
    stored = np.rot90(INSIDE.repeat(2, axis=0).repeat(2, axis=1))
    for _ in range(2):
        assert np.array_equal(FullContext(turned).place(stored), INSIDE)
        assert np.array_equal(cropped(turned).place(stored), INSIDE[:, 10:50])
    assert np.array_equal(FullContext(turned).box(), INSIDE)
    assert caplog.messages == ["x/1: its mask has the size of the picture before EXIF turned it, and is turned, too."]


NAMES = ["a", "b", "c", "deep/d"]


def noise(height, width, rng, context=None):
    return rng.random((height, width)) < 0.5


@pytest.fixture
def pictures(save, write_index, tmp_path):
    for number, name in enumerate(NAMES):
        save(f"{name}.png", (20 + number, 30))

    def build(names=NAMES, **known):
        rows = [{"id": name, "image": f"{name}.png", "split": "train"} | known for name in names]
        return IndexedPictures(tmp_path, open_split(write_index(rows), "train"))

    return build


def drawn(pictures, family=noise, seed=0):
    return {hole.id: hole for hole in draw_holes(pictures, family, seed)}


def test_every_picture_has_one_that_depends_on_name_and_seed_alone(pictures):
    found = drawn(pictures())
    assert list(found) == NAMES
    assert all(hole.picture.id == hole.id and not hole.reason for hole in found.values())
    masks = {name: hole.mask.tobytes() for name, hole in found.items()}
    assert drawn(pictures(["c"]))["c"].mask.tobytes() == masks["c"] != drawn(pictures(), seed=1)["c"].mask.tobytes()
    assert len({mask[:600] for mask in masks.values()}) == 4


def test_the_family_sees_the_whole_picture(pictures, tmp_path):
    inside = rectangle((20, 30), 5, 15, 10, 20)
    write_mask(tmp_path / "object.png", inside)
    known = {"bbox": [10, 5, 20, 15], "mask": "object.png", "mask_is": "white", "size": [30, 20]}

    def family(height, width, rng, context):
        assert (context.id, height, width) == ("a", 20, 30)
        assert np.array_equal(context.box(), context.object())
        return context.place(context.object())

    assert np.array_equal(drawn(pictures(["a"], **known), family)["a"].mask, inside)


def test_a_mistake_in_the_settings_is_no_reason_to_go_without(pictures):
    def failing(height, width, rng, context):
        raise InlayError("masks.ratio cannot be met.")

    with pytest.raises(InlayError, match=r"masks\.ratio"):
        drawn(pictures(), failing)
