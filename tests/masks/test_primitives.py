"""A primitive may never cover more pixels than its bound: painting towards a ratio rests on it."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay.masks.primitives import Box, Ellipse, Stroke, line, strokes

SIDE = 500  # room for all of them, so that nothing is lost

points = st.lists(st.tuples(st.floats(100, 400), st.floats(100, 400)), min_size=1, max_size=8)
brushes = st.floats(0, 80)


def stroke(corners, brush):
    path = np.array(corners, np.float32).T[..., None]  # (2, N, 1)
    steps = np.zeros((len(corners), 1), np.float32)
    steps[1:, 0] = np.hypot(*np.diff(path[..., 0], axis=1))
    (only,) = strokes(path, steps, [len(corners)], [brush])
    return only


def painted(primitive, size=(SIDE, SIDE)):
    canvas = np.zeros(size, np.uint8)
    primitive.paint(canvas)
    return canvas


@pytest.mark.parametrize(
    "primitives",
    [
        st.builds(stroke, points, brushes),
        st.builds(line, st.just((250.4, 249.6)), st.floats(0, 100), st.floats(0, math.pi), brushes),
        st.builds(Ellipse, st.just(250), st.just(250), st.tuples(*[st.integers(1, 150)] * 2), st.floats(0, 180)),
        st.builds(Box, st.just(10), st.just(20), st.integers(1, 200), st.integers(1, 200)),
    ],
    ids=["stroke", "line", "ellipse", "box"],
)
@settings(deadline=None, max_examples=200)
@given(data=st.data(), room=st.floats(1, 60_000))
def test_all_keep_to_their_bound(primitives, data, room):
    primitive = data.draw(primitives)
    whole = painted(primitive)
    assert whole.max() == 1
    assert np.count_nonzero(whole) <= primitive.bound
    assert not isinstance(primitive, Box) or np.count_nonzero(whole) == primitive.bound
    smaller = primitive.cut(room)
    assert smaller is None or np.count_nonzero(painted(smaller)) <= smaller.bound <= room * (1 + 1e-6)


@pytest.mark.parametrize(
    ("dx", "dy"), [(0, 0), (1, 0), (1, 1), (2, 1), (5, 3), (40, 0), (40, 40), (40, 17), (100, 99), (150, 5)]
)
def test_no_thickness_is_drawn_wider_than_thought(dx, dy):
    for brush in range(1, 100):  # OpenCV's caps and edges differ from one to the next
        whole = stroke([(100, 100), (100 + dx, 100 + dy)], brush)
        assert np.count_nonzero(painted(whole)) <= whole.bound


@settings(deadline=None, max_examples=120)
@given(
    size=st.tuples(st.integers(16, 300), st.integers(16, 300)),
    corners=st.lists(st.tuples(st.floats(-200, 500), st.floats(-200, 500)), min_size=1, max_size=6),
    brush=st.integers(1, 80),
    axes=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    angle=st.floats(0, 180),
    share=st.floats(0, 1),
)
def test_what_lies_partly_outside_keeps_to_its_bound(size, corners, brush, axes, angle, share):
    x, y = (int(value) for value in corners[0])
    for whole in (stroke(corners, brush), Ellipse(x, y, axes, angle), Ellipse(x, y, (axes[0], axes[0]), angle)):
        room = int(share * whole.bound)
        for primitive, most in ((whole, whole.bound), (whole.cut(room), room)):
            if primitive is not None:
                assert np.count_nonzero(painted(primitive, size)) <= most


def test_bounds_are_not_generous():
    for whole, most in ((stroke([(100, 100), (300, 250)], 30), 1.3), (Ellipse(250, 250, (60, 40), 30.0), 1.1)):
        assert whole.bound < most * np.count_nonzero(painted(whole))
    assert stroke([(100, 100)], 1).bound == 1


def test_a_cut_stroke_is_the_beginning_of_the_whole_and_can_be_cut_again():
    whole = stroke([(100, 100), (200, 100), (200, 200), (100, 200)], 20)
    part = whole.cut(whole.bound * 0.7)
    assert 1 < len(part.points) < 4
    assert np.array_equal(part.points, whole.points[: len(part.points)])
    assert part.brush == whole.brush
    assert np.array_equal(part.cut(10**9).points, part.points)
    assert len(part.cut(part.bound * 0.6).points) < len(part.points)


def test_what_cannot_be_cut_small_enough_is_none():
    assert stroke([(100, 100), (200, 100)], 20).cut(300) is None
    assert Ellipse(250, 250, (60, 40), 0.0).cut(5) is None
    assert Box(0, 0, 100, 2).cut(20) is None


@pytest.mark.parametrize(("first", "second"), [(60, 40), (50, 50)])
def test_a_cut_ellipse_keeps_its_form(first, second):
    smaller = Ellipse(250, 250, (first, second), 30.0).cut(math.pi * first * second / 4)
    assert abs(smaller.axes[0] / smaller.axes[1] - first / second) < 0.1
    assert abs(smaller.axes[0] - first / 2) <= 2


def test_a_stroke_is_the_polyline_that_opencv_draws():
    corners = [(100.4, 99.6), (200, 150), (260, 320)]
    expected = np.zeros((SIDE, SIDE), np.uint8)
    cv2.polylines(expected, [np.array([(100, 100), (200, 150), (260, 320)], np.int32)], False, 1, 20)
    drawn = stroke(corners, 20.2)
    assert isinstance(drawn, Stroke)
    assert np.array_equal(painted(drawn), expected)
