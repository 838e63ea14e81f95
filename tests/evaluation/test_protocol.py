"""Frozen tests stay what they are: nobody changes a recipe, or the code that draws from it, unawares."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hydra.errors import InstantiationException

from inlay.cli.evaluation import _protocol
from inlay.errors import InlayError
from inlay.masks import Center, Objects
from inlay.randomness import RngStream, generator
from tests.conftest import ROOT
from tests.evaluation.evaluating import configure

IDS = ["a", "b"]
# Of each protocol the hash for the pictures a and b, and where the masks lie that families which need no picture draw
# for its first two pictures: not their bits, as the last ones of a cosine are the processor's. Whoever has to change a
# line here has made another test: raise `version` of the protocol where the recipe is still the same, and say so to
# those who have results.
GOLDEN = {
    "center": ("169ac8df6c5dd760", 0.38346),
    "lama_medium_256": ("b6709d55efe4ab2b", 0.54172),
    "lama_medium_512": ("5f4854a0cbc04077", 0.66926),
    "lama_thick_256": ("3f6eeccae779bdc9", 0.55675),
    "lama_thick_512": ("43abddb781160e57", 0.50082),
    "lama_thin_256": ("19ee397052745891", 0.38134),
    "lama_thin_512": ("fd49cdd9c1f67861", 0.36325),
    "legacy_tdanet": ("24c8edf44c8a920a", None),
    "pconv_buckets": ("72ce475583a729a3", 20.40045),
    "pconv_buckets_v2": ("097202b0c0452341", 20.57861),
    "smoke": ("1bd92725d0c8a1f5", 1.84248),
    "tdanet_cub": ("5c466691f2969c8a", 0.51791),
    "thick": ("0a761814d2eba9f9", 1.07827),
    "thick_v2": ("5f9daf1dedce3770", 1.00556),
    "thin": ("7605aeec3e6ba6b6", 0.5745),
    "thin_v2": ("94111f6314e64f7c", 0.52632),
}

THERE = [path.stem for path in (ROOT / "conf/protocol").glob("*.yaml")]
CHOSEN = [5, 12, 39, 61, 90]
"""Five of a hundred pictures, by seed 0."""


def built(*overrides):
    return _protocol(configure(*overrides))


def drawn(protocol):
    """A number that knows where the masks of two pictures lie; None where every family needs the picture."""
    families, size = list(protocol.holes.values()), protocol.size
    ramp = np.arange(size) / size
    places = [
        (family(size, size, generator(protocol.seed, RngStream.EVAL_MASK, epoch=place, index=picture)) * weight).mean()
        for picture in (0, 1)
        for place, family in enumerate(families)
        for weight in (ramp[:, None], ramp[None] ** 2 * (place + 1))
        if not isinstance(family, Objects)
    ]
    return sum(places) if places else None


@pytest.mark.parametrize("name", sorted({*GOLDEN, *THERE} - {"base"}))
def test_a_frozen_protocol_does_not_change(name):  # a new one needs its line in GOLDEN
    protocol, (recipe, masks) = built(f"protocol={name}"), GOLDEN[name]
    assert protocol.name == name
    assert protocol.hash(IDS) == recipe, f"{name}.yaml is another test now: give it another name, or raise `version`"
    assert drawn(protocol) == pytest.approx(masks, abs=1e-3), (
        f"the code draws other masks for {name}.yaml: raise `version` in there"
    )


@pytest.mark.stranger("17.C.5")
@pytest.mark.parametrize("name", ["pconv_buckets", "thick", "thin"])
def test_the_next_version_differs_in_its_spread_alone(name):
    first, second = built(f"protocol={name}"), built(f"protocol={name}_v2")
    assert (first.version, second.version) == (1, 2)
    assert {family.spread for family in second.holes.values()} == {"uniform"}
    assert {hole: replace(family, spread="natural") for hole, family in second.holes.items()} == first.holes


def test_the_hash_is_of_the_test_and_its_pictures_alone():
    protocol = built(
        "protocol=smoke",
        *("protocol.about=Other words.", "protocol.truth=false", "probe=pixel_errors"),
        *(f"weights.{name}=/elsewhere" for name in ("lpips", "inception", "clip")),
        *("data.root=/elsewhere", "data.num_workers=7", "run_dir=/elsewhere", "device=cpu", "fillers=[biharmonic]"),
    )
    assert protocol.about == "Other words."
    assert protocol.hash(IDS) == GOLDEN["smoke"][0]
    hashes = {protocol.hash(ids) for ids in (IDS, ["b", "a"], ["a"], ["a", "b", "c"], ["a", "c"], ["ab"])}
    assert len(hashes) == 6, "the pictures and their order count"


@pytest.mark.parametrize(
    "override",
    [
        *(f"protocol.{setting}" for setting in ("seed=1", "size=128", "version=2", "pictures=19", "cut=squash")),
        *(f"protocol.{setting}" for setting in ("around_object=1.5", "captions=false", "samples=2")),
        *("protocol.holes.center.side=0.4", "~protocol.holes.center"),
    ],
)
def test_whatever_makes_another_test_changes_the_hash(override):
    assert built("protocol=smoke", override).hash(IDS) != GOLDEN["smoke"][0]


def test_holes_are_built_their_order_counts_and_those_that_share_a_file_are_refused():
    holes = [f"{name}: {{_target_: inlay.masks.Center, side: {side}}}" for name, side in (("a", 0.4), ("b", 0.5))]
    replaced = ["protocol=center", "~protocol.holes"]
    one, other = (built(*replaced, f"+protocol.holes={{{', '.join(order)}}}") for order in (holes, holes[::-1]))
    assert (list(one.holes), list(other.holes)) == (["a", "b"], ["b", "a"])
    assert one.hash(IDS) != other.hash(IDS), "the place of a hole is the address that it is drawn at"
    assert one.holes == {"a": Center(side=0.4), "b": Center(side=0.5)}
    with pytest.raises(InlayError, match="distinct file names; got a/b, a_b"):
        replace(one, holes={"a/b": Center(), "a_b": Center()})


def test_the_choice_of_pictures():
    def chosen(count, *settings, among=100):
        return built("protocol=smoke", f"protocol.pictures={count}", *settings).chosen(range(among))

    assert all(chosen(count, among=8) == list(range(8)) for count in ("null", 8, 9))
    assert chosen(5) == CHOSEN, "the code chooses other pictures: raise `version` of every protocol"
    assert chosen(5) != chosen(5, "protocol.seed=1")
    assert set(chosen(5)) < set(chosen(20))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["protocol.size=15"], r"protocol\.size must be a whole number from 16"),
        (["protocol.samples=0"], r"protocol\.samples must be a whole number from 1"),
        (["protocol.pictures=0"], r"protocol\.pictures must be a whole number from 1"),
        (["protocol.size=32.5"], r"protocol\.size=32\.5: a whole number"),
        (["protocol.seed=1.5"], r"protocol\.seed=1\.5: a whole number"),
        (["protocol.version=new"], r"protocol\.version=new: a whole number"),
        (["protocol.around_object=0.5"], "around_object must be null or at least 1"),
        (["protocol.cut=left"], r"protocol\.cut must be 'center' or 'squash'"),
        (["~protocol.holes", "+protocol.holes={}"], "must name mask generators.*got none"),
    ],
)
def test_bad_settings(overrides, message):
    with pytest.raises((InlayError, InstantiationException)) as caught:  # Hydra wraps what a constructor raises
        built("protocol=smoke", *overrides)
    assert re.search(message, str(caught.value.__cause__ or caught.value))
