"""Frozen tests stay what they are: nobody changes a recipe, or the code that draws from it, unawares."""

from dataclasses import replace

import numpy as np
import pytest

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


def test_every_protocol_is_pinned():
    there = {path.stem for path in (ROOT / "conf/protocol").glob("*.yaml")} - {"base"}
    assert there == set(GOLDEN), "a new protocol needs its line in GOLDEN"


@pytest.mark.parametrize("name", GOLDEN)
def test_a_frozen_protocol_does_not_change(name):
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


def test_the_hash_is_of_the_test_alone():
    protocol = built(
        "protocol=smoke",
        *("protocol.about=Other words.", "protocol.truth=false", "probe=pixel_errors"),
        *(f"weights.{name}=/elsewhere" for name in ("lpips", "inception", "clip")),
        *("data.root=/elsewhere", "data.num_workers=7", "run_dir=/elsewhere", "device=cpu", "fillers=[biharmonic]"),
    )
    assert protocol.about == "Other words."
    assert protocol.hash(IDS) == GOLDEN["smoke"][0]


@pytest.mark.parametrize(
    "override",
    [
        "protocol.seed=1",
        "protocol.size=128",
        "protocol.version=2",
        "protocol.pictures=19",
        "protocol.cut=squash",
        "protocol.around_object=1.5",
        "protocol.captions=false",
        "protocol.samples=2",
        "protocol.holes.center.side=0.4",
        "~protocol.holes.center",
    ],
)
def test_whatever_makes_another_test_changes_the_hash(override):
    assert built("protocol=smoke", override).hash(IDS) != GOLDEN["smoke"][0]


def test_the_order_of_holes_counts():
    holes = [f"{name}: {{_target_: inlay.masks.Center, side: {side}}}" for name, side in (("a", 0.4), ("b", 0.5))]
    one, other = (
        built("protocol=center", "~protocol.holes", f"+protocol.holes={{{', '.join(order)}}}")
        for order in (holes, holes[::-1])
    )
    assert list(one.holes) == ["a", "b"]
    assert list(other.holes) == ["b", "a"]
    assert one.hash(IDS) != other.hash(IDS), "the place of a hole is the address that it is drawn at"


@pytest.mark.parametrize("ids", [["b", "a"], ["a"], ["a", "b", "c"], ["a", "c"], ["ab"]])
def test_the_pictures_and_their_order_count(ids):
    assert built("protocol=smoke").hash(ids) != GOLDEN["smoke"][0]


def test_generators_are_built():
    protocol = built("protocol=center")
    assert protocol.holes == {"center": Center(side=0.5)}


@pytest.mark.parametrize("pictures", ["null", "8", "9"])
def test_all_pictures_where_there_are_no_more(pictures):
    assert built("protocol=smoke", f"protocol.pictures={pictures}").chosen(range(8)) == list(range(8))


def test_some_pictures_are_chosen_by_the_seed():
    chosen = built("protocol=smoke", "protocol.pictures=5").chosen(range(100))
    assert chosen == CHOSEN, "the code chooses other pictures: raise `version` of every protocol"
    assert chosen != built("protocol=smoke", "protocol.pictures=5", "protocol.seed=1").chosen(range(100))


def test_fewer_pictures_are_among_the_more():
    few, more = (built("protocol=smoke", f"protocol.pictures={n}").chosen(range(100)) for n in (5, 20))
    assert set(few) < set(more)


@pytest.mark.parametrize("setting", ["size=15", "samples=0", "pictures=0"])
def test_numbers_out_of_range_are_refused(setting):
    name, value = setting.split("=")
    with pytest.raises(InlayError, match=rf"protocol\.{name} must be a whole number from \d+, got '?{value}'?"):
        built_or_cause("protocol=smoke", f"protocol.{setting}")


@pytest.mark.parametrize("setting", ["size=32.5", "seed=1.5", "version=new"])
def test_what_is_no_whole_number_is_refused(setting):
    with pytest.raises(InlayError, match=rf"protocol\.{setting}: a whole number is needed here"):
        built_or_cause("protocol=smoke", f"protocol.{setting}")


def test_a_square_smaller_than_its_object_is_refused():
    with pytest.raises(InlayError, match=r"around_object must be null or at least 1 .*got 0\.5"):
        built_or_cause("protocol=smoke", "protocol.around_object=0.5")


def test_another_cut_is_refused():
    with pytest.raises(InlayError, match=r"protocol\.cut must be 'center' or 'squash', got 'left'"):
        built_or_cause("protocol=smoke", "protocol.cut=left")


def test_a_protocol_needs_holes():
    with pytest.raises(InlayError, match=r"must name mask generators.*got none"):
        built_or_cause("protocol=smoke", "~protocol.holes", "+protocol.holes={}")


def test_holes_that_share_a_file_are_refused():
    with pytest.raises(InlayError, match="distinct file names; got a/b, a_b"):
        replace(built("protocol=smoke"), holes={"a/b": Center(), "a_b": Center()})


def built_or_cause(*overrides):
    """Hydra wraps what a constructor raises."""
    try:
        return built(*overrides)
    except Exception as error:
        cause = error
        while cause is not None and not isinstance(cause, InlayError):
            cause = cause.__cause__
        raise cause or error from None
