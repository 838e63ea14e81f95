"""A hole for each picture of a dataset, by its name."""

import numpy as np
import pytest

from inlay.data.index import open_split
from inlay.data.mask_export import draw_holes
from inlay.data.pictures import IndexedPictures
from inlay.errors import InlayError, NoHole
from tests.masks.contexts import rectangle
from tests.pictures import write_mask

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


def test_every_picture_has_one_of_its_own_size_that_depends_on_name_and_seed_alone(pictures):
    found = drawn(pictures())
    assert list(found) == NAMES
    assert [hole.mask.shape for hole in found.values()] == [(20 + number, 30) for number in range(4)]
    assert all(hole.picture.id == hole.id and not hole.reason for hole in found.values())
    masks = {name: hole.mask.tobytes() for name, hole in found.items()}
    assert {name: hole.mask.tobytes() for name, hole in drawn(pictures(NAMES[::-1])).items()} == masks
    assert drawn(pictures(["c"]))["c"].mask.tobytes() == masks["c"]
    assert drawn(pictures(), seed=1)["c"].mask.tobytes() != masks["c"]
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


def failing(error):
    def family(height, width, rng, context):
        if context.id == "b":
            raise error
        return noise(height, width, rng)

    return family


def test_a_picture_without_a_hole_and_a_broken_one_have_a_reason(pictures, tmp_path):
    (tmp_path / "c.png").write_text("broken")
    found = drawn(pictures(), failing(NoHole("its object is too small.")))
    assert [name for name in NAMES if found[name].mask is None] == ["b", "c"]
    assert found["b"].reason == "its object is too small."
    assert (found["b"].picture is None, found["c"].picture) == (False, None)
    assert found["c"].reason.startswith(f"{tmp_path / 'c.png'}: not a picture")


def test_a_mistake_in_the_settings_is_no_reason(pictures):
    with pytest.raises(InlayError, match=r"masks\.ratio"):
        drawn(pictures(), failing(InlayError("masks.ratio cannot be met.")))
