"""The masks of LaMa against the statistics of the published code (section 1.7 of the specification)."""

import numpy as np
import pytest
from hydra.utils import instantiate

from inlay.errors import InlayError
from inlay.masks import LaMaStrokes, MixedMasks
from tests.composing import configure
from tests.masks.mask_tester import MaskTester, address


def generator(name):
    return instantiate(configure(f"masks={name}", "data.root=none").masks)


def shares(masks, count, size=256):
    return np.array([masks(size, size, address(index)).mean() for index in range(count)])


class TestLaMaStrokes(MaskTester):
    family = LaMaStrokes


@pytest.mark.parametrize(("name", "mean"), [("lama_wide", 0.356), ("lama_narrow", 0.229)])
def test_17_holes_are_as_large_as_those_of_the_published_masks(name, mean):
    masks = generator(name)
    found = shares(masks, 2000)
    assert abs(found.mean() - mean) < 0.02
    assert abs(shares(masks, 2000, size=128).mean() - mean) < 0.02  # lengths are relative
    assert found.max() < 1


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("thin_256", 0.293),
        ("medium_256", 0.247),
        ("thick_256", 0.416),
        ("thin_512", 0.297),
        ("medium_512", 0.302),
        ("thick_512", 0.468),
    ],
)
def test_holes_for_tests_are_as_large_as_the_published(name, mean):
    assert abs(shares(generator(f"lama_{name}"), 1000).mean() - mean) < 0.03


def test_something_stays_known():
    everything = LaMaStrokes(count=(50, 50), length=(0.5, 0.8), brush=(0.4, 0.4))
    assert shares(everything, 20, size=32).max() < 1


def test_larger_holes_are_drawn_again():
    families = {"strokes": LaMaStrokes(count=(1, 6), length=(0.04, 0.8), brush=(0.02, 0.4))}
    assert 0.3 < shares(MixedMasks(families=families, odds={"strokes": 1}, most=0.5), 200).max() <= 0.5
    with pytest.raises(InlayError, match=r"masks\.most"):
        MixedMasks(families=families, odds={"strokes": 1}, most=1e-6)(64, 64, address(0))
    with pytest.raises(InlayError, match=r"masks\.most"):
        MixedMasks(families=families, odds={"strokes": 1}, most=2)
