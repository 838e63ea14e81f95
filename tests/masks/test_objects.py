import numpy as np
import pytest

from inlay.errors import InlayError, NoHole
from inlay.masks import Objects
from inlay.masks.morphology import dilated, opened
from tests.masks.contexts import PlainContext, disc, rectangle

BIRD = disc(64, 16)
FRAME = rectangle((64, 64), 10, 50, 8, 40)


@pytest.fixture
def both():
    return PlainContext(size=(64, 64), whole_object=BIRD, whole_box=FRAME)


def draw(context, **options):
    return Objects(**options)(64, 64, np.random.default_rng(0), context)


@pytest.mark.parametrize(("source", "expected"), [("any", BIRD), ("object", BIRD), ("box", FRAME)])
def test_source_is_what_the_hole_comes_from(both, source, expected):
    assert np.array_equal(draw(both, source=source), expected)
    assert np.array_equal(draw(PlainContext(size=(64, 64), whole_box=FRAME)), FRAME)  # where nothing is segmented


@pytest.mark.parametrize(
    ("there", "source", "message"),
    [
        ({}, "any", "neither segmentation nor box"),
        ({"whole_box": FRAME}, "object", "no segmentation"),
        ({"whole_object": BIRD}, "box", "no box"),
    ],
)
def test_a_picture_without_such_an_object_has_no_hole(there, source, message):
    with pytest.raises(NoHole, match=message):
        draw(PlainContext(**there), source=source)


def test_is_cut_as_the_sample_was(both):
    both.rows, both.columns = (0.25, 0.75), (0.25, 0.75)
    expected = np.repeat(np.repeat(BIRD[16:48, 16:48], 2, axis=0), 2, axis=1)
    assert np.array_equal(draw(both), expected)


def test_is_cleaned_first_and_grown_then(both):
    both.whole_object = BIRD | rectangle((64, 64), 60, 62, 0, 64)
    expected = dilated(opened(both.whole_object, 0.1), 0.2)
    assert np.array_equal(draw(both, opening=0.1, dilation=0.2), expected)
    assert not draw(both, opening=0.1)[60:62].any()


@pytest.mark.parametrize("ratio", [None, (0.1, 0.2)])  # which does not save it
@pytest.mark.parametrize(("pixels", "share"), [(0, "0.0%"), (4, "1.0%"), (20, "5.0%"), (320, "80.0%"), (380, "95.0%")])
def test_an_object_of_no_use_is_no_hole(both, pixels, share, ratio):
    both.size, both.whole_object = (20, 20), (np.arange(400) < pixels).reshape(20, 20)
    with pytest.raises(NoHole, match=f"covers {share} of the sample, which is not between 5% and 80%"):
        draw(both, ratio=ratio)


@pytest.mark.parametrize("pixels", [21, 319])
def test_five_and_eighty_percent_alone_are_excluded(both, pixels):
    both.size, both.whole_object = (20, 20), (np.arange(400) < pixels).reshape(20, 20)
    assert draw(both).sum() == pixels


def test_what_counts_is_the_size_after_cleaning_and_growing(both):
    both.whole_object = disc(64, 6)  # 2.8 %
    assert draw(both, dilation=0.2).mean() > 0.05
    both.whole_object = disc(64, 10) | rectangle((64, 64), 60, 62, 0, 64)  # 7.7 % + 3.1 %
    with pytest.raises(NoHole):
        draw(both, opening=0.1, valid=(0.08, 0.8))


def test_without_a_picture_the_remedy_is_named():
    with pytest.raises(InlayError, match=r"masks=objects takes .*data\.root") as raised:
        draw(None)
    assert not isinstance(raised.value, NoHole)  # which would be replaced and listed, picture by picture
