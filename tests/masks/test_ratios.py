"""The common demands on families that look at files and pictures, or are made of others."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from inlay.errors import InlayError
from inlay.masks import Boxes, Center, Files, LaMaStrokes, MixedMasks, Objects, Outpaint, Paired, Shapes, Strokes
from tests.masks.contexts import PlainContext, disc
from tests.masks.mask_tester import RatioTester, address

OBJECT = disc(200, 91)  # 65 %: more than any ratio that the tester asks for


@dataclass
class Shown:
    """A family that looks at pictures, with one to look at."""

    family: Any

    @property
    def ratio(self):
        return self.family.ratio

    def __call__(self, height, width, rng):
        return self.family(height, width, rng, PlainContext((height, width), whole_object=OBJECT, whole_box=OBJECT))


ODDS = {"strokes": 4, "shapes": 2, "boxes": 1, "center": 1, "out": 1}


class TestMix(RatioTester):
    def family(self, **options):
        families = dict(zip(ODDS, (Strokes(), Shapes(), Boxes(), Center(), Outpaint()), strict=True))
        return MixedMasks(families=families, odds=ODDS, **options)


class TestObjects(RatioTester):
    def family(self, **options):
        return Shown(Objects(opening=0.1, dilation=0.05, **options))


class TestPaired(RatioTester):
    def family(self, **options):
        return Shown(Paired(**options))


MOVES = {"dilate": (0.02, 0.1), "shift": 0.2, "rotate": 90, "crop": (0.5, 1.0), "flip": 0.5}


@pytest.mark.parametrize("options", [{}, MOVES])
def test_files_meet_any_ratio_or_say_that_none_does(percents, options, monkeypatch):
    monkeypatch.setattr("inlay.masks.files._ATTEMPTS", 40)  # reading takes its time
    side = st.integers(16, 200)

    @settings(deadline=None, max_examples=25)
    @given(st.tuples(side, side), st.floats(0.01, 0.95), st.floats(0.001, 0.3), st.integers(0))
    def check(size, low, width, seed):
        ratio = low, min(1.0, low + width)
        try:
            mask = Files(root=percents, ratio=ratio, **options)(*size, np.random.default_rng(seed))
        except InlayError as error:
            assert f"masks.ratio={list(ratio)} at {size[1]}x{size[0]}" in str(error)  # noqa: PT017
        else:
            assert (mask.shape, mask.dtype) == (size, np.bool_)
            assert ratio[0] <= mask.mean() <= ratio[1]

    check()


def test_files_leave_global_generators_alone_and_depend_on_no_earlier_call(percents):
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    family = Files(root=percents, **MOVES)
    masks = [family(40, 50, address(index)) for index in range(5)]
    assert np.array_equal(masks, [family(40, 50, address(index)) for index in reversed(range(5))][::-1])
    assert len({mask.tobytes() for mask in masks}) == 5
    np.testing.assert_equal(before, np.random.get_state(legacy=False))  # noqa: NPY002
    lists = {name: OmegaConf.create([0.1, 0.2]) for name in ("ratio", "dilate", "crop")}  # of a configuration
    family = Files(root=percents, **lists)
    assert [type(getattr(family, name)) for name in lists] == [tuple] * 3


BAD = {
    LaMaStrokes: "segments=[0,3] brush=[0.2,0.1] length=[0.1,3]",
    Strokes: "vertices=[0,3] brush=[0.2,0.1] length=[0.1,3]",
    Center: "side=0 side=1 side=-0.2 side=1.5",
    Outpaint: "sides=[] sides=[left,up] sides=[left,left] count=[0,2] width=[0.1,0.6]",
    Objects: "source=cat opening=-0.1 dilation=0.5 valid=[0.8,0.1] ratio=[0.8,0.1]",
    Files: "binarize=0 shift=-0.1 rotate=181 flip=1.5 dilate=[9,49] crop=[0.0,1.0] ratio=[0.3,0.2]",
}


@pytest.mark.parametrize(("family", "setting"), [(family, each) for family in BAD for each in BAD[family].split()])
def test_a_bad_setting_of_the_command_line_is_named(family, setting, percents):
    ((name, value),) = OmegaConf.to_object(OmegaConf.from_dotlist([setting])).items()
    with pytest.raises(InlayError, match=rf"masks\.{name} must .*got {re.escape(repr(value))}") as raised:
        family(**{name: value}, **({"root": percents} if family is Files else {}))
    assert name != "dilate" or "9 to 49 of 512 px are [0.018, 0.096]" in str(raised.value)


RANGES = {
    LaMaStrokes: "brush length segments count",
    Strokes: "brush length vertices count",
    Shapes: "extent thickness",
    Boxes: "side",
    Outpaint: "width count",
    Objects: "valid",
    Center: "ratio",
    Paired: "ratio",
}


@pytest.mark.parametrize(("family", "name"), [(family, name) for family in RANGES for name in RANGES[family].split()])
@pytest.mark.parametrize("value", [0.3, (0.3,), (0.1, 0.2, 0.3)])
def test_a_range_that_has_not_two_ends_is_named(family, name, value):
    with pytest.raises(InlayError, match=rf"masks\.{name} must be \[low, high\], two numbers; got"):
        family(**{name: value})


@pytest.mark.parametrize("kind", [Strokes, Shapes, Boxes])
def test_one_pixel_inside_the_border_is_painted(kind):
    for index in range(20):  # too small for an ellipse, and full is not without an edge
        mask = kind(border=0.47, ratio=(0.001, 0.004))(17, 17, address(index))
        assert mask.sum() == mask[8, 8] == 1


@pytest.mark.parametrize("width", [(0.0, 0.0), (0.0, 1e-9)])
def test_strips_of_no_width_are_widened_too(width):
    for index in range(10):
        assert 0.2 <= Outpaint(width=width, ratio=(0.2, 0.3))(64, 64, address(index)).mean() <= 0.3
        assert Outpaint(width=width)(64, 64, address(index)).any()
