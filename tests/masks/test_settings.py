"""The families as a run gets them: from conf/masks, with settings of a few words."""

import pickle
from functools import cache

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from inlay.masks import MixedMasks, Paired
from tests.conftest import ROOT
from tests.masks.contexts import PlainContext, disc
from tests.masks.mask_tester import address
from tests.training import configure

FAMILIES = sorted(path.stem for path in (ROOT / "conf/masks").glob("*.yaml"))
SCENE = PlainContext(size=(64, 64), whole_object=disc(64, 20))


@cache  # composing takes longer than everything else here
def composed(*settings):
    """The data's own copy of the settings, which train.py builds the family from."""
    return configure("data=demo", *settings).data.sample.mask.masks


def family(*settings):
    return instantiate(composed(*settings))


def ratios(masks, count=40):
    return [masks(64, 64, address(index), SCENE).mean() for index in range(count)]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("ratio", ["[0.2,0.3]", "null"])
def test_every_family_takes_a_ratio_and_reaches_the_workers(name, ratio):
    root = [f"masks.root={ROOT}/masks/sample"] if name in ("files", "aot") else []
    masks = family(f"masks={name}", f"masks.ratio={ratio}", *root)
    found = ratios(masks)
    assert 0 < min(found) <= max(found) < 1
    if ratio != "null":
        assert 0.2 <= min(found) <= max(found) <= 0.3
    copy = pickle.loads(pickle.dumps(masks))
    assert np.array_equal(*(each(64, 64, address(), SCENE) for each in (masks, copy)))


def test_mix_is_made_of_five_and_takes_their_settings_and_another():
    masks = family("masks=mix")
    assert isinstance(masks, MixedMasks)
    assert sorted(masks.families) == ["boxes", "center", "outpaint", "shapes", "strokes"]
    assert 0.1 <= min(found := ratios(masks)) <= max(found) <= 0.4
    masks = family("masks=mix", "masks.families.outpaint.sides=[left]", "masks.odds.boxes=0", "masks.ratio=[0.3,0.31]")
    assert (masks.families["outpaint"].sides, masks.odds["boxes"]) == (("left",), 0)
    assert 0.3 <= min(found := ratios(masks)) <= max(found) <= 0.31
    masks = family("masks=mix", "+masks.families.paired={_target_:inlay.masks.Paired}", "+masks.odds.paired=2")
    assert isinstance(masks.families["paired"], Paired)


@pytest.mark.stranger("17.C.5")
def test_settings_reach_every_family_of_a_mix_that_has_the_choice():
    masks = family("masks=mix", "masks.ratio=[0.45,0.5]", "masks.spread=uniform")
    assert {each.ratio for each in masks.families.values()} == {(0.45, 0.5)}
    spread = {name: getattr(each, "spread", "") for name, each in masks.families.items()}
    assert spread == {**dict.fromkeys(["strokes", "shapes", "boxes"], "uniform"), "center": "", "outpaint": ""}
    assert family("masks=mix", "masks.families.strokes.spread=uniform").families["strokes"].spread == "uniform"


@pytest.mark.stranger("B.7")
@pytest.mark.parametrize("group", ["masks", "val_masks"])
def test_files_come_from_no_folder_but_the_one_that_was_named(group):
    asked = configure("data=demo", "masks=files" if group == "masks" else "masks@val_masks=files")
    assert OmegaConf.missing_keys(asked) == {f"{group}.root"}
