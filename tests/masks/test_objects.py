import numpy as np
import pytest

from inlay.errors import InlayError, NoHole
from inlay.masks import Objects
from inlay.masks.morphology import dilated, opened
from tests.masks.contexts import PlainContext, disc, rectangle
from tests.masks.mask_tester import bad_options

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
@pytest.mark.parametrize(
    ("radius", "message"),
    [(4, r"1\.3% of the sample, which is not between 5% and 80%"), (40, r"9\d\.\d% of the sample"), (0, r"0\.0%")],
)
def test_an_object_of_no_use_is_no_hole(both, radius, message, ratio):
    both.whole_object = disc(64, radius)
    with pytest.raises(NoHole, match=message):
        draw(both, ratio=ratio)


def test_what_counts_is_the_size_after_cleaning_and_growing(both):
    both.whole_object = disc(64, 6)  # 2.8 %
    assert draw(both, dilation=0.2).mean() > 0.05
    both.whole_object = disc(64, 10) | rectangle((64, 64), 60, 62, 0, 64)  # 7.7 % + 3.1 %
    with pytest.raises(NoHole):
        draw(both, opening=0.1, valid=(0.08, 0.8))


@pytest.mark.parametrize(("pixels", "valid"), [(20, False), (21, True), (319, True), (320, False)])
def test_five_and_eighty_percent_are_excluded(both, pixels, valid):
    both.size, both.whole_object = (20, 20), (np.arange(400) < pixels).reshape(20, 20)
    if valid:
        assert draw(both).sum() == pixels
    else:
        with pytest.raises(NoHole, match=rf"covers {pixels / 400:.1%} of the sample"):
            draw(both)


def test_without_a_picture_the_remedy_is_named():
    with pytest.raises(InlayError, match=r"masks=objects takes .*data\.root") as raised:
        draw(None)
    assert not isinstance(raised.value, NoHole)  # which would be replaced and listed, picture by picture


@bad_options("source=cat opening=-0.1 dilation=0.5 valid=[0.8,0.1] ratio=[0.8,0.1]")
def test_names_bad_options(options, message):
    with pytest.raises(InlayError, match=message):
        Objects(**options)
